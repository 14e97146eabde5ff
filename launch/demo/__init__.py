"""``ruth demo``: the main job, seen from outside."""
