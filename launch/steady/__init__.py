"""The steady loop: an agent whose frames come one like the other takes them in C (docs/decisions/0015)."""
