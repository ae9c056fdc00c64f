"""Formats, bytes to values and back. No I/O and no opinion: both belong to the caller."""
