"""Owns the listening sockets and the processes: starts them, watches them, restarts them, lets them finish."""
