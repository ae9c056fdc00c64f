"""The composition root: the only place where concrete parts are named and joined into processes."""
