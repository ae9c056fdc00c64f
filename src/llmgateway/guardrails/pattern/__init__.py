"""An operator's own regular expressions, on RE2, kept honest in streams."""
