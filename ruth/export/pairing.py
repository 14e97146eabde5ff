"""Whether a version 1 ``frame.data`` belongs to a ``frame.meta`` that was opened before it.

VAS replaces the data before the header, so for a moment, or for ever if it is killed then, the header of
frame n is beside the pixels of frame n + 1. The rule and its proof: ``docs/frame-export.md``, section 6.
"""

from __future__ import annotations

from typing import Final

MADE_BETWEEN_MAX: Final = 2**20  # files made on one tmpfs between a frame's data and its header, at most
INODE_WRAP: Final = 2**32  # where the numbers of a tmpfs mounted with inode32 start again


def belongs(meta_inode: int, data_inode: int) -> bool:
    """Whether the two are files of one frame, by the order in which a tmpfs numbers its files.

    Args:
        meta_inode: ``st_ino`` of ``frame.meta``, which was opened first.
        data_inode: ``st_ino`` of ``frame.data``, which was opened after it, on the same tmpfs.

    """
    return data_inode < meta_inode < data_inode + MADE_BETWEEN_MAX or (
        meta_inode < data_inode < INODE_WRAP and meta_inode + INODE_WRAP < data_inode + MADE_BETWEEN_MAX
    )
