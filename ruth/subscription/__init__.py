"""Subscription and its gate (docs/specification.md, phases 3.2 and 3.3): no exports, files or processes."""
