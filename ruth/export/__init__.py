"""Frame export interface (docs/specification.md, phase 2), the reader's side: read-only, pulled, lossy."""
