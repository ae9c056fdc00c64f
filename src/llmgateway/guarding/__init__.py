"""The chain of guardrails: where texts are, what follows a finding, and what of a stream may go on. Pure."""
