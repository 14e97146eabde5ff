"""Closing a descriptor: the one call that cannot be made again, and whose failure means nothing here.

Linux releases the descriptor whatever close(2) returns ("Dealing with error returns from close()"); an
error tells of written data that a file system has lost, which files in memory cannot. To let it out would
leave the next descriptor open, or an export half closed.
"""

from __future__ import annotations

import os


def close_descriptor(descriptor: int) -> None:
    """Closes ``descriptor``. Never raises."""
    try:  # noqa: SIM105 - contextlib.suppress costs three times the call itself, once a frame (version 1)
        os.close(descriptor)
    except OSError:
        pass
