"""Stream Agent (SPEC.md, phase 3.1): a logical object, one per camera. A process hosts one; it is none."""
