"""What the steady loops are built from: C files, and the offsets and values that they need.

Each of those exists once, where it is explained; here it only gets the name that it has in C.
"""

from __future__ import annotations

import os
import struct
import sys
import zlib
from typing import Final

from launch import pace
from ruth.agent import state
from ruth.export import files, layout
from ruth.subscription.gate import Decision

_HERE: Final = os.path.dirname(os.path.abspath(__file__))
SOURCES: Final = tuple(os.path.join(_HERE, name) for name in ("agent.c", "ring.c", "renamed.c"))
LIBRARY: Final = os.path.join(_HERE, "loops.so")

SEAL_SIZE: Final = 4
# -P: of a working directory that holds another Ruth, nothing is imported.
COMMAND: Final = f"{sys.executable} -P -m launch.steady"

# How a subscription is judged as long as it is steady.
EVERY_FRAME: Final = 0
CAPPED: Final = 1
PARKED: Final = 2

# What the loops work on: struct agent, ring and renamed (both without their agent), and subscription.
AGENT: Final = struct.Struct("=QQ QQQQ Q QQ")
RING: Final = struct.Struct("=QQ QQ QQ Q QQQ QQQ 64s 60s4x")
RENAMED: Final = struct.Struct("=Q QQ QQQ 64s QQQ q q q")
SUBSCRIPTION: Final = struct.Struct("=Q Q Q QQ QQ Q")

_DEFINITIONS: Final = {
    "PACKED_AGENT": AGENT.size,
    "PACKED_RING": AGENT.size + RING.size,
    "PACKED_RENAMED": AGENT.size + RENAMED.size,
    "PACKED_SUBSCRIPTION": SUBSCRIPTION.size,
    "EXPORT_VERSION": layout.VERSION_OFFSET,
    "EXPORT_FRAME_ID": layout.FRAME_ID_OFFSET,
    "EXPORT_TIMESTAMP": layout.TIMESTAMP_OFFSET,
    "EXPORT_WIDTH": layout.WIDTH_OFFSET,
    "EXPORT_DATA_SIZE": layout.DATA_SIZE_OFFSET,
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
    "OPEN_FILE": files.OPEN_FILE,
    "EMPTY_WAKES": pace.EMPTY_WAKES,
    "INTERVAL_MIN": pace.INTERVAL_MIN_NS,
    "WAIT_MIN": pace.SHORTEST_NS,
    "WAIT_MAX": pace.QUIET_LOOK_NS,
}


def whole_source() -> bytes:
    """All that is compiled: the definitions, then each file. Raises OSError if one cannot be read."""
    parts = [f"#define {name} {value}\n".encode() for name, value in _DEFINITIONS.items()]
    for path in SOURCES:
        with open(path, "rb") as file:
            parts += [f'#line 1 "{os.path.basename(path)}"\n'.encode(), file.read()]
    return b"".join(parts)


def seal_of(content: bytes) -> bytes:
    """What a library ends with: 4 bytes by which one that was cut or damaged is told, before it is loaded."""
    return zlib.crc32(content).to_bytes(SEAL_SIZE, "little")


def signature_of(source: bytes) -> int:
    """By what a library says that it was compiled from ``source``: 32 bits."""
    return zlib.crc32(source)
