"""The reliability suite: `make faults`, or `python -m bench.faults`."""
