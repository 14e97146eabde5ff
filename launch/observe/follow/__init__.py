"""``ruth follow``: an agent's decisions as it takes them. Reads only, and no process waits for it."""
