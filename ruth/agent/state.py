"""The agent's state as a fixed-size record that others may read (docs/architecture.md, "Processes").

Written by its agent alone, into memory that every other process maps or reads read-only; the same habits as
``frame.meta``: a byte map, one machine store a field, a sequence that is odd while anything is being changed,
a futex word that moves after every change. It is memory, not persistence: a new agent starts afresh in it.
Pure: this file must not know where the memory comes from, nor what time it is. Byte map, little-endian::

       0  version         u32   3; 0 while an agent is being started, and nothing below is valid
       4  model_count     u32   subscriptions that follow, 0 to 63
       8  sequence        u64   odd while the record is being changed; never reset
      16  wake            u32   futex word, +1 after each change
      20  export_version  u32   1 or 2 while bound to an export, else 0
      24  pid             u64   of the agent's process
      32  start_ticks     u64   field 22 of /proc/<pid>/stat: tells a pid from its reuse
      40  started_ns      u64   CLOCK_MONOTONIC when the agent started
      48  frame_id        u64   newest frame observed (valid if frames > 0)
      56  timestamp_ns    u64   its timestamp
      64  frames          u64   frames observed
      72  missed          u64   frames of the export that were never seen (modulo 2^64)
      80  observed_ns     u64   CLOCK_MONOTONIC when the newest frame was observed, 0 before the first
      88  session         u64   sessions seen so far
      96  first_frame_id  u64   first frame observed in the present export
     104  first_timestamp_ns  u64   its timestamp
     112  launcher_pid    u64   of the launcher that forked it, 0 if none did
     120  camera_id       64 bytes, padded with NUL
     184  export_inode    u64   st_ino of the present export's frame.meta; 0 for version 1 and for none
     192  export_epoch    u64   its epoch; 0 as above
     200  confinement     u64   measures in force, one bit each, or 0 before they are (ruth.agent.measure)
     208  arrivals        u64   times that frames came, together or alone (ruth.agent.rhythm)
     216  gap_ns          u64   longest time between two frames of the present window of frames
     224  gap_before_ns   u64   the same of the window before it
     232  ended_ns        u64   CLOCK_MONOTONIC when it was told to end, 0 if it was not
     240  end_signal      u32   by which signal
     244  ended_by        u32   by which process
     248  configuration   u32   which file it was launched from: CRC-32 of its absolute path; 0 = of none
     252  notify          u32   0; its first byte is written again after each change, which inotify sees
     256  ruth_version    64 bytes, of the Ruth that launched it, padded with NUL
     320  zero
     384  subscription 0, then 1, ...:
            0  model_id           64 bytes, padded with NUL
           64  max_fps            f64   0 = every frame
           72  active             u32   0 or 1
           76  last_decision      u32   ruth.subscription.gate.Decision
           80  allowed            u64   frames that it was allowed
           88  skipped            u64   frames that it was not
           96  last_frame_id      u64   last allowed frame (valid if allowed > 0)
          104  last_timestamp_ns  u64   its timestamp
          112  last_session       u64   the session that it was in
          120  earlier            u64   frames that it was allowed before that session
          128  kept               256 bytes: the 16 frames allowed last, each its id and its timestamp, u64;
                                  the n-th of all that were allowed, from 1 on, at 16 * ((n - 1) mod 16)
          384  end
"""

from __future__ import annotations

import math
import struct
from typing import Final, NamedTuple

from ruth.subscription.gate import Decision

STATE_VERSION: Final = 3
NO_RECORD: Final = bytes(4)  # at 0: version 0
STATE_SIZE: Final = 24576
HEADER_SIZE: Final = 384
MODEL_SIZE: Final = 384
MODELS_MAX: Final = (STATE_SIZE - HEADER_SIZE) // MODEL_SIZE
ID_SIZE: Final = 64
RUTH_VERSION_SIZE: Final = 64
KEPT_FRAMES: Final = 16  # of each model (docs/decisions/0034-kept-frames.md)
KEPT_SIZE: Final = 16

VERSION_OFFSET: Final = 0
MODEL_COUNT_OFFSET: Final = VERSION_OFFSET + 4
SEQUENCE_OFFSET: Final = MODEL_COUNT_OFFSET + 4
WAKE_OFFSET: Final = SEQUENCE_OFFSET + 8
EXPORT_VERSION_OFFSET: Final = WAKE_OFFSET + 4
PID_OFFSET: Final = EXPORT_VERSION_OFFSET + 4
START_TICKS_OFFSET: Final = PID_OFFSET + 8
STARTED_OFFSET: Final = START_TICKS_OFFSET + 8
FRAME_ID_OFFSET: Final = STARTED_OFFSET + 8
TIMESTAMP_OFFSET: Final = FRAME_ID_OFFSET + 8
FRAMES_OFFSET: Final = TIMESTAMP_OFFSET + 8
MISSED_OFFSET: Final = FRAMES_OFFSET + 8
OBSERVED_OFFSET: Final = MISSED_OFFSET + 8
SESSION_OFFSET: Final = OBSERVED_OFFSET + 8
FIRST_FRAME_ID_OFFSET: Final = SESSION_OFFSET + 8
FIRST_TIMESTAMP_OFFSET: Final = FIRST_FRAME_ID_OFFSET + 8
LAUNCHER_PID_OFFSET: Final = FIRST_TIMESTAMP_OFFSET + 8
EXPORT_INODE_OFFSET: Final = LAUNCHER_PID_OFFSET + 8 + ID_SIZE  # after camera_id
EXPORT_EPOCH_OFFSET: Final = EXPORT_INODE_OFFSET + 8
CONFINEMENT_OFFSET: Final = EXPORT_EPOCH_OFFSET + 8
ARRIVALS_OFFSET: Final = CONFINEMENT_OFFSET + 8
GAP_OFFSET: Final = ARRIVALS_OFFSET + 8
GAP_BEFORE_OFFSET: Final = GAP_OFFSET + 8
ENDED_OFFSET: Final = GAP_BEFORE_OFFSET + 8
END_SIGNAL_OFFSET: Final = ENDED_OFFSET + 8
ENDED_BY_OFFSET: Final = END_SIGNAL_OFFSET + 4
CONFIGURATION_OFFSET: Final = ENDED_BY_OFFSET + 4
NOTIFY_OFFSET: Final = CONFIGURATION_OFFSET + 4
RUTH_VERSION_OFFSET: Final = NOTIFY_OFFSET + 4

MODEL_ACTIVE_OFFSET: Final = ID_SIZE + 8  # after model_id and max_fps
MODEL_DECISION_OFFSET: Final = MODEL_ACTIVE_OFFSET + 4
MODEL_ALLOWED_OFFSET: Final = MODEL_DECISION_OFFSET + 4
MODEL_SKIPPED_OFFSET: Final = MODEL_ALLOWED_OFFSET + 8
MODEL_FRAME_ID_OFFSET: Final = MODEL_SKIPPED_OFFSET + 8
MODEL_TIMESTAMP_OFFSET: Final = MODEL_FRAME_ID_OFFSET + 8
MODEL_SESSION_OFFSET: Final = MODEL_TIMESTAMP_OFFSET + 8
MODEL_EARLIER_OFFSET: Final = MODEL_SESSION_OFFSET + 8
MODEL_KEPT_OFFSET: Final = MODEL_EARLIER_OFFSET + 8
KEPT_TIMESTAMP_OFFSET: Final = 8  # of one kept frame, after its id

# The header and one subscription, each up to its last field.
HEADER: Final = struct.Struct("<IIQII12Q64s7Q4I64s")
MODEL: Final = struct.Struct("<64sdIIQQQQQQ")
KEPT: Final = struct.Struct("<QQ")


class ModelState(NamedTuple):
    """One subscription as its agent last left it; fields as in the byte map."""

    model_id: str
    max_fps: float | None
    active: bool
    last_decision: Decision
    allowed: int
    skipped: int
    last_frame_id: int | None
    last_timestamp_ns: int | None
    last_session: int | None
    earlier: int


class Ended(NamedTuple):
    """How an agent was told to end, by itself.

    Attributes:
        ended_ns: CLOCK_MONOTONIC at that moment.
        signal: Number of the signal.
        by: Pid of the process that sent it; 0 for the kernel, as with Ctrl-C, and for a process of another
            pid namespace.

    """

    ended_ns: int
    signal: int
    by: int


class AgentRecord(NamedTuple):
    """One agent as it last left its record; fields as in the byte map, None for what is not valid yet."""

    camera_id: str
    pid: int
    start_ticks: int
    started_ns: int
    launcher_pid: int
    export_version: int
    session: int
    frame_id: int | None
    timestamp_ns: int | None
    first_frame_id: int | None
    first_timestamp_ns: int | None
    frames: int
    missed: int
    observed_ns: int | None
    export_inode: int
    export_epoch: int
    confinement: int
    arrivals: int
    gap_ns: int
    gap_before_ns: int
    configuration: int
    ruth_version: str
    models: tuple[ModelState, ...]
    ended: Ended | None = None


def parse_state(content: bytes, *, torn: bool = False) -> AgentRecord | None:
    """The record in ``content``, or None if it holds none that is whole and valid.

    Args:
        content: A copy of ``agent.state``, of which the caller knows that it did not change meanwhile
            (two equal reads in a row); anything else may be passed and is refused.
        torn: Accept a record whose sequence is odd: an agent that was killed or stopped while it changed
            its record. What it is, and all but its newest frame's numbers, is right all the same.

    """
    if len(content) < HEADER_SIZE:
        return None
    version, model_count, sequence, _, export_version, *numbers = HEADER.unpack_from(content)
    if version != STATE_VERSION or model_count > MODELS_MAX or (sequence & 1 and not torn):
        return None
    if len(content) < HEADER_SIZE + MODEL_SIZE * model_count:
        return None
    (
        pid,
        start_ticks,
        started_ns,
        frame_id,
        timestamp_ns,
        frames,
        missed,
        observed_ns,
        session,
        first_frame_id,
        first_timestamp_ns,
        launcher_pid,
        camera_id,
        export_inode,
        export_epoch,
        confinement,
        arrivals,
        gap_ns,
        gap_before_ns,
        ended_ns,
        end_signal,
        ended_by,
        configuration,
        _,
        ruth_version,
    ) = numbers
    models = tuple(_parse_model(content, index) for index in range(model_count))
    return AgentRecord(
        camera_id=_text(camera_id),
        pid=pid,
        start_ticks=start_ticks,
        started_ns=started_ns,
        launcher_pid=launcher_pid,
        export_version=export_version,
        session=session,
        frame_id=frame_id if frames else None,
        timestamp_ns=timestamp_ns if frames else None,
        first_frame_id=first_frame_id if frames else None,
        first_timestamp_ns=first_timestamp_ns if frames else None,
        frames=frames,
        missed=missed,
        observed_ns=observed_ns or None,
        export_inode=export_inode,
        export_epoch=export_epoch,
        confinement=confinement,
        arrivals=arrivals,
        gap_ns=gap_ns,
        gap_before_ns=gap_before_ns,
        configuration=configuration,
        ruth_version=_text(ruth_version),
        models=models,
        ended=Ended(ended_ns, end_signal, ended_by) if ended_ns else None,
    )


def _parse_model(content: bytes, index: int) -> ModelState:
    model_id, max_fps, active, decision, allowed, skipped, frame_id, timestamp_ns, session, earlier = (
        MODEL.unpack_from(content, HEADER_SIZE + MODEL_SIZE * index)
    )
    return ModelState(
        model_id=_text(model_id),
        max_fps=max_fps if 0 < max_fps < math.inf else None,  # garbage is not passed on: NaN is not JSON
        active=bool(active),
        last_decision=Decision(decision) if decision in _DECISIONS else Decision.NONE,
        allowed=allowed,
        skipped=skipped,
        last_frame_id=frame_id if allowed else None,
        last_timestamp_ns=timestamp_ns if allowed else None,
        last_session=session if allowed else None,
        earlier=earlier,
    )


_DECISIONS: Final = frozenset(Decision)


def _text(padded: bytes) -> str:
    return padded.rstrip(b"\0").decode("ascii", "replace")
