"""Datasets out of the log, and versions tried on them: what is drawn, asked, counted and concluded."""
