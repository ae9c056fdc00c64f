"""A pretend model on a real socket: what the demo, the tests and a newcomer without a key talk to. No gateway logic."""
