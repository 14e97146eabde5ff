"""Everything that is a process (SPEC.md, "How it runs"): launcher, agents, stand-in VAS, ``ruth`` itself."""
