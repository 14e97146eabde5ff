"""What is compiled: C files, and the offsets and values that they need.

Each of those exists once, where it is explained; here it only gets the name that it has in C.
"""

from __future__ import annotations

import os
import struct
import sys
import zlib
from typing import Final

from launch import pace
from ruth.agent import proc_stat, state, state_writer
from ruth.export import files, layout
from ruth.subscription.gate import Decision

_HERE: Final = os.path.dirname(os.path.abspath(__file__))
SOURCES: Final = tuple(
    os.path.join(_HERE, name) for name in ("agent.c", "ring.c", "renamed.c", "watch.c", "start.c")
)
LIBRARY: Final = os.path.join(_HERE, "native.so")

SEAL_SIZE: Final = 4
# -P: of a working directory that holds another Ruth, nothing is imported.
COMMAND: Final = f"{sys.executable} -P -m launch.native"

# What a wait came to, where no error number says it: frames come, and nobody wakes.
UNWOKEN: Final = -1

# What is worked on: struct agent, subscription, call; and ring, renamed, watch, start without what they begin
# with: the first two with agent, the third with ring, the last with watch.
AGENT: Final = struct.Struct("=QQ QQQQ Q Q QQ")
RING: Final = struct.Struct("=QQ QQ QQ QQ QQQ QQQ 64s 60s4x QQ")
RENAMED: Final = struct.Struct("=Q QQ QQQ 64s QQQ q q q")
WATCH: Final = struct.Struct("=QQQ Q Q Q")
START: Final = struct.Struct("=QQq Q Q QQQ Q QQ QQQ QQ Q")
CALL: Final = struct.Struct("=Q6Q")
SUBSCRIPTION: Final = struct.Struct("=Q QQQQ QQ QQ Q QQ Q")

_DEFINITIONS: Final = {
    "PACKED_AGENT": AGENT.size,
    "PACKED_RING": AGENT.size + RING.size,
    "PACKED_RENAMED": AGENT.size + RENAMED.size,
    "PACKED_WATCH": AGENT.size + RING.size + WATCH.size,
    "PACKED_START": AGENT.size + RING.size + WATCH.size + START.size,
    "PACKED_CALL": CALL.size,
    "PACKED_SUBSCRIPTION": SUBSCRIPTION.size,
    "VERSION_2": layout.VERSION_2,
    "PIXEL_FORMAT_NV12": layout.PIXEL_FORMAT_NV12,
    "PAGE_SIZE": layout.PAGE_SIZE,
    "SLOT_COUNT_MIN": layout.SLOT_COUNT_MIN,
    "SLOT_COUNT_MAX": layout.SLOT_COUNT_MAX,
    "FLAG_WAKES": layout.FLAG_WAKES,
    "FLAG_CLOSED": layout.FLAG_CLOSED,
    "EXPORT_VERSION": layout.VERSION_OFFSET,
    "EXPORT_FRAME_ID": layout.FRAME_ID_OFFSET,
    "EXPORT_TIMESTAMP": layout.TIMESTAMP_OFFSET,
    "EXPORT_WIDTH": layout.WIDTH_OFFSET,
    "EXPORT_HEIGHT": layout.HEIGHT_OFFSET,
    "EXPORT_PIXEL_FORMAT": layout.PIXEL_FORMAT_OFFSET,
    "EXPORT_STRIDE": layout.STRIDE_OFFSET,
    "EXPORT_DATA_SIZE": layout.DATA_SIZE_OFFSET,
    "EXPORT_DATA_OFFSET": layout.DATA_OFFSET_OFFSET,
    "EXPORT_SEQUENCE": layout.SEQUENCE_OFFSET,
    "EXPORT_RECORD_SIZE": layout.RECORD_SIZE,
    "EXPORT_WAKE": layout.WAKE_OFFSET,
    "EXPORT_SLOT_COUNT": layout.SLOT_COUNT_OFFSET,
    "EXPORT_SLOT_SIZE": layout.SLOT_SIZE_OFFSET,
    "EXPORT_DATA_INODE": layout.DATA_INODE_OFFSET,
    "EXPORT_EPOCH": layout.EPOCH_OFFSET,
    "EXPORT_FLAGS": layout.FLAGS_OFFSET,
    "EXPORT_SLOT_RECORDS": layout.SLOT_RECORDS_OFFSET,
    "EXPORT_META_SIZE": layout.META_SIZE_V2,
    "STATE_VERSION": state.STATE_VERSION,
    "STATE_SIZE": state.STATE_SIZE,
    "STATE_HEADER_SIZE": state.HEADER_SIZE,
    "STATE_MODEL_SIZE": state.MODEL_SIZE,
    "STATE_VERSION_OFFSET": state.VERSION_OFFSET,
    "STATE_MODEL_COUNT": state.MODEL_COUNT_OFFSET,
    "STATE_EXPORT_VERSION": state.EXPORT_VERSION_OFFSET,
    "STATE_PID": state.PID_OFFSET,
    "STATE_START_TICKS": state.START_TICKS_OFFSET,
    "STATE_STARTED": state.STARTED_OFFSET,
    "STATE_SESSION": state.SESSION_OFFSET,
    "STATE_FIRST_FRAME_ID": state.FIRST_FRAME_ID_OFFSET,
    "STATE_FIRST_TIMESTAMP": state.FIRST_TIMESTAMP_OFFSET,
    "STATE_LAUNCHER_PID": state.LAUNCHER_PID_OFFSET,
    "STATE_EXPORT_INODE": state.EXPORT_INODE_OFFSET,
    "STATE_EXPORT_EPOCH": state.EXPORT_EPOCH_OFFSET,
    "STATE_CONFINEMENT": state.CONFINEMENT_OFFSET,
    "SEQUENCE_LIMIT": f"{state_writer.SEQUENCE_LIMIT}u",
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
    "OPEN_FILE": files.OPEN_FILE,
    "OPEN_DIRECTORY": files.OPEN_DIRECTORY,
    "STAT_BYTES_MAX": proc_stat.STAT_BYTES_MAX,
    "START_TICKS": proc_stat.START_TICKS,
    "EMPTY_WAKES": pace.EMPTY_WAKES,
    "AFTER_LATE": pace.AFTER_LATE_NS,
    "UNWOKEN": UNWOKEN,
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
