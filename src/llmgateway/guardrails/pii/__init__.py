"""Personal data in texts. `guardrail` is the plug-in; the other files know one family of values each."""
