"""``ruth top``: the per-camera processes, live."""
