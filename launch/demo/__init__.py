"""``ruth demo``: server, launcher, agents and a view on one terminal. It takes all of them along."""
