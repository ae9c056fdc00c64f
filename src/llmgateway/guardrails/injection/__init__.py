"""The judge of attempts to take a model over: what they say, how it is hidden, how it is put together."""
