"""A model as a judge: what it is shown, and what its answer means."""
