"""``ruth inspect``: everything about one camera."""
