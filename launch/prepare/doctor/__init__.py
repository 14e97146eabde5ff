"""``ruth doctor``: is this host fit for its cameras, and what to do where it is not. Reads only."""
