"""What the process of a test holds open, so that nothing is found to leak."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def descriptors_of(path: Path) -> list[str]:
    """What this process has open at or below a path."""
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # the one that listed them
            found.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return sorted(name for name in found if name.startswith(str(path)))


def left_of(path: Path) -> list[str]:
    """Descriptors and mappings of this process that lead to or below a path."""
    with open("/proc/self/maps") as maps:
        mapped = [line.split(maxsplit=5)[-1].rstrip() for line in maps if "/" in line]
    return sorted(descriptors_of(path) + [name for name in mapped if name.startswith(str(path))])
