"""Stream Agent (docs/specification.md, phase 3.1): a logical object, one per camera, hosted by a process."""
