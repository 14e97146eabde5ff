"""Everything that is a process: launcher, agents, the stand-in VAS, and the ``ruth`` command itself."""
