"""Evaluators: what says of an exchange that is over how its answer was. One file or folder each."""
