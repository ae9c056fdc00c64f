"""Evaluators at work: over what the ingester has brought, never on a request's path."""
