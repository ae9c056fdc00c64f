"""OpenAI's API and the many servers that speak it, as a backend. One file a family of operations."""
