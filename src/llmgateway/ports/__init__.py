"""What a plug-in must be. One Protocol a file; its docstring is the plug-in author's guide."""
