"""``ruth follow``: an agent's decisions as it takes them. Reads only, and is waited for by nobody."""
