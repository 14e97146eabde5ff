"""The version of Ruth, and nothing else: what decides may know it, and imports no more with it."""

from __future__ import annotations

__version__ = "0.1.0"
