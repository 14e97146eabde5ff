"""Frame export interface (SPEC.md, phase 2), the reader's side: read-only, pull-based, best effort."""
