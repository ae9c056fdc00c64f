"""Measures the gateway beside nginx and its peers, on one machine in one run. README.md says how."""
