"""What agents do in C, without touching an object of Python (docs/decisions/0024)."""
