"""The `secrets` guardrail: credentials of all kinds, by their own form or by what stands before them."""
