"""Subscription and its gate (SPEC.md, phases 3.2 and 3.3). Knows nothing of exports, files or processes."""
