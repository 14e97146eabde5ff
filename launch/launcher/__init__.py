"""Forks one process per camera, then does nothing. Dies alone: its agents live on, and no process notices."""
