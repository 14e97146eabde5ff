"""Reads records, exports and /proc, and opens nothing of theirs for writing. Dies alone; its user notices."""
