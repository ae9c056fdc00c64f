"""`llmgateway demo --rollout`: one new version comes in by steps and stays, the next fails and is withdrawn.

The story is decided in plain functions (`scenes`, `plot`, `verdict`); `show` tells it with real processes.
"""
