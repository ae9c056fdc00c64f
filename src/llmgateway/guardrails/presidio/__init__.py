"""Microsoft's Presidio as a judge: an extra, which is imported when it is first asked."""
