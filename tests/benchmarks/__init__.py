"""Benchmarks (docs/benchmarks.md): what Ruth costs, beside what people would use instead, in one run."""
