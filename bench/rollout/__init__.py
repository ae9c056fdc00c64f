"""How often the tests of staged rollouts are wrong and how soon they are right: simulated, or exactly if it can be."""
