"""Takes a whole ``agent.state`` while its agent may change it: one try, by three preads.

    1  take the sequence, and wake
    2  take the record
    3  take the sequence again      equal and even in all three, or the record does not count

Two whole reads that agree would not be enough: a field that changes and changes back can be met before and
after, with others of between (``tests/model/test_state_model.py``). On a machine that keeps no order each
pread keeps its place by a fence (:mod:`ruth.order`).
"""

from __future__ import annotations

from typing import Final

from ruth.agent.state import SEQUENCE_OFFSET, WAKE_OFFSET
from ruth.order import pread

_SEQUENCE: Final = slice(SEQUENCE_OFFSET, SEQUENCE_OFFSET + 8)
_SEQUENCE_AND_WAKE_SIZE: Final = WAKE_OFFSET + 4 - SEQUENCE_OFFSET


def read_whole(descriptor: int, size: int) -> tuple[bytes | None, int | None]:
    """One try.

    Args:
        descriptor: Of the open file.
        size: Bytes of the record that are needed, from its start on.

    Returns:
        The bytes, or None if they are being changed; and the value of wake that may be waited on, since a
        change that was not taken moves it. None if there is no such value: the one before is to be kept.

    Raises:
        OSError: The file cannot be read.

    """
    first = pread(descriptor, _SEQUENCE_AND_WAKE_SIZE, SEQUENCE_OFFSET)
    content = pread(descriptor, size, 0)
    again = pread(descriptor, 8, SEQUENCE_OFFSET)
    wake = int.from_bytes(first[WAKE_OFFSET - SEQUENCE_OFFSET :], "little")
    changing = int.from_bytes(again, "little") % 2 == 1
    if changing:
        return None, wake  # which moves once this change is complete
    if first[:8] == content[_SEQUENCE] == again:
        return content, wake
    return None, None  # wake may count already what step 2 did not meet
