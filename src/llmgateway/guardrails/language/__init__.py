"""Which languages a text is in, by its letters and its commonest words."""
