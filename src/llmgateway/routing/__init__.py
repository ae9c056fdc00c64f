"""Which version of a model answers, at which backend, and what follows a failure. Pure: snapshot in, plan out."""
