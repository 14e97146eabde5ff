"""What the steady loop is built from: ``loop.c``, and the offsets and values that it needs.

Each of those exists once, where its byte map is; here it only gets the name that it has in C.
"""

from __future__ import annotations

import os
from importlib.util import source_hash
from typing import Final

from ruth.agent import state
from ruth.export import layout
from ruth.subscription.gate import Decision

_HERE: Final = os.path.dirname(os.path.abspath(__file__))
SOURCE: Final = os.path.join(_HERE, "loop.c")
LIBRARY: Final = os.path.join(_HERE, "loop.so")

# How a subscription is judged as long as it is steady.
EVERY_FRAME: Final = 0
CAPPED: Final = 1
PARKED: Final = 2

_DEFINITIONS: Final = {
    "EXPORT_VERSION": layout.VERSION_OFFSET,
    "EXPORT_FRAME_ID": layout.FRAME_ID_OFFSET,
    "EXPORT_TIMESTAMP": layout.TIMESTAMP_OFFSET,
    "EXPORT_WIDTH": layout.WIDTH_OFFSET,
    "EXPORT_DATA_OFFSET": layout.DATA_OFFSET_OFFSET,
    "EXPORT_SEQUENCE": layout.SEQUENCE_OFFSET,
    "EXPORT_RECORD_SIZE": layout.RECORD_SIZE,
    "EXPORT_WAKE": layout.WAKE_OFFSET,
    "EXPORT_SLOT_COUNT": layout.SLOT_COUNT_OFFSET,
    "EXPORT_SLOT_RECORDS": layout.SLOT_RECORDS_OFFSET,
    "EXPORT_META_SIZE": layout.META_SIZE_V2,
    "STATE_SEQUENCE": state.SEQUENCE_OFFSET,
    "STATE_WAKE": state.WAKE_OFFSET,
    "STATE_FRAME_ID": state.FRAME_ID_OFFSET,
    "STATE_TIMESTAMP": state.TIMESTAMP_OFFSET,
    "STATE_FRAMES": state.FRAMES_OFFSET,
    "STATE_MISSED": state.MISSED_OFFSET,
    "STATE_OBSERVED": state.OBSERVED_OFFSET,
    "MODEL_DECISION": state.MODEL_DECISION_OFFSET,
    "MODEL_ALLOWED": state.MODEL_ALLOWED_OFFSET,
    "MODEL_SKIPPED": state.MODEL_SKIPPED_OFFSET,
    "MODEL_FRAME_ID": state.MODEL_FRAME_ID_OFFSET,
    "MODEL_TIMESTAMP": state.MODEL_TIMESTAMP_OFFSET,
    "MODEL_SESSION": state.MODEL_SESSION_OFFSET,
    "DECISION_ALLOW": int(Decision.ALLOW),
    "DECISION_SKIP_INTERVAL": int(Decision.SKIP_INTERVAL),
    "DECISION_SKIP_INACTIVE": int(Decision.SKIP_INACTIVE),
    "EVERY_FRAME": EVERY_FRAME,
    "CAPPED": CAPPED,
    "PARKED": PARKED,
}


def whole_source() -> bytes:
    """All that is compiled: the definitions, then ``loop.c``. Raises OSError if that cannot be read."""
    defined = "".join(f"#define {name} {value}\n" for name, value in _DEFINITIONS.items())
    with open(SOURCE, "rb") as file:
        return defined.encode() + b'#line 1 "loop.c"\n' + file.read()


def signature_of(source: bytes) -> int:
    """By what a library says that it was compiled from ``source``: 64 bits."""
    return int.from_bytes(source_hash(source), "little")
