"""Words that must not pass, however many: found by one automaton, told apart from parts of longer words."""
