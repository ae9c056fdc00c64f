"""Staged rollouts: evidence out of the log, what follows from it, and who is told. `llmgateway.rollout` decides."""
