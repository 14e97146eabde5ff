from __future__ import annotations

import random
import re
import struct
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruth import __version__
from ruth.agent import state
from ruth.agent.agent import StreamAgent
from ruth.agent.rhythm import TOGETHER_NS, WINDOW_FRAMES, longest_gap_ns
from ruth.agent.state import (
    HEADER_SIZE,
    KEPT,
    KEPT_FRAMES,
    KEPT_SIZE,
    MODEL_SIZE,
    MODELS_MAX,
    NO_RECORD,
    SEQUENCE_OFFSET,
    STATE_SIZE,
    STATE_VERSION,
    WAKE_OFFSET,
    AgentRecord,
    ModelState,
    parse_state,
)
from ruth.agent.state_writer import AgentIdentity, StateWriter
from ruth.subscription.gate import Decision
from ruth.subscription.subscription import Subscription

MS = 1_000_000
UINT32_MAX = 2**32 - 1
UINT64_MAX = 2**64 - 1
CAMERA = "front-door"
IDENTITY = AgentIdentity(pid=0x11, start_ticks=0x22, started_ns=0x33, launcher_pid=0x44)
JUNK = 0xA5
CAPS = [None, 5, 2.5, 25.0]


class Field(NamedTuple):
    """One line of the byte map in the module's docstring."""

    offset: int
    name: str
    kind: str

    @property
    def size(self) -> int:
        """How many bytes the field takes."""
        return {"u32": 4, "u64": 8, "f64": 8, "64 bytes": 64, "256 bytes": 256}[self.kind]

    def read(self, content: bytes, start: int = 0) -> object:
        """What is at this field's offset, by its type."""
        at = start + self.offset
        stored = content[at : at + self.size]
        if self.kind == "64 bytes":
            return stored.rstrip(b"\0").decode("ascii")
        if self.kind == "256 bytes":
            return stored
        if self.kind == "f64":
            return struct.unpack("<d", stored)[0]
        return int.from_bytes(stored, "little")


def byte_map(text: str) -> dict[str, Field]:
    """The fields of one part of the byte map."""
    lines = re.findall(r"^ +(\d+) +(\w+) +(u32|u64|f64|64 bytes|256 bytes)\b", text, re.MULTILINE)
    return {name: Field(int(offset), name, kind) for offset, name, kind in lines}


def zeros(text: str) -> list[int]:
    """Where one part of the byte map says that the rest is zero, and where that part ends."""
    return [
        int(offset) for offset in re.findall(r"^ +(\d+) +(?:zero|end|subscription 0)\b", text, re.MULTILINE)
    ]


HEADER_TEXT, SEPARATOR, MODEL_TEXT = (state.__doc__ or "").partition("     384  subscription 0")
HEADER_MAP = byte_map(HEADER_TEXT)
MODEL_MAP = byte_map(MODEL_TEXT)

# Each offset of the module, and the field of the byte map that it is the offset of.
HEADER_OFFSETS = {
    "VERSION_OFFSET": "version",
    "MODEL_COUNT_OFFSET": "model_count",
    "SEQUENCE_OFFSET": "sequence",
    "WAKE_OFFSET": "wake",
    "EXPORT_VERSION_OFFSET": "export_version",
    "PID_OFFSET": "pid",
    "START_TICKS_OFFSET": "start_ticks",
    "STARTED_OFFSET": "started_ns",
    "FRAME_ID_OFFSET": "frame_id",
    "TIMESTAMP_OFFSET": "timestamp_ns",
    "FRAMES_OFFSET": "frames",
    "MISSED_OFFSET": "missed",
    "OBSERVED_OFFSET": "observed_ns",
    "SESSION_OFFSET": "session",
    "FIRST_FRAME_ID_OFFSET": "first_frame_id",
    "FIRST_TIMESTAMP_OFFSET": "first_timestamp_ns",
    "LAUNCHER_PID_OFFSET": "launcher_pid",
    "EXPORT_INODE_OFFSET": "export_inode",
    "EXPORT_EPOCH_OFFSET": "export_epoch",
    "CONFINEMENT_OFFSET": "confinement",
    "ARRIVALS_OFFSET": "arrivals",
    "GAP_OFFSET": "gap_ns",
    "GAP_BEFORE_OFFSET": "gap_before_ns",
    "ENDED_OFFSET": "ended_ns",
    "END_SIGNAL_OFFSET": "end_signal",
    "ENDED_BY_OFFSET": "ended_by",
    "CONFIGURATION_OFFSET": "configuration",
    "NOTIFY_OFFSET": "notify",
    "RUTH_VERSION_OFFSET": "ruth_version",
}
MODEL_OFFSETS = {
    "MODEL_ACTIVE_OFFSET": "active",
    "MODEL_DECISION_OFFSET": "last_decision",
    "MODEL_ALLOWED_OFFSET": "allowed",
    "MODEL_SKIPPED_OFFSET": "skipped",
    "MODEL_FRAME_ID_OFFSET": "last_frame_id",
    "MODEL_TIMESTAMP_OFFSET": "last_timestamp_ns",
    "MODEL_SESSION_OFFSET": "last_session",
    "MODEL_EARLIER_OFFSET": "earlier",
    "MODEL_KEPT_OFFSET": "kept",
}


def agent_with(*caps: float | None) -> StreamAgent:
    """A running agent with one model for each cap: m0, m1, ..."""
    agent = StreamAgent(CAMERA)
    for index, cap in enumerate(caps):
        agent.subscribe(Subscription(CAMERA, f"m{index}", cap))
    agent.start()
    return agent


def memory_of(content: int | bytes = STATE_SIZE) -> memoryview:
    """Writable memory of one record, zero or with this content at its start."""
    if isinstance(content, int):
        return memoryview(bytearray(content))
    return memoryview(bytearray(content.ljust(STATE_SIZE, b"\0")))


def written(*caps: float | None, frames: int = 1) -> bytes:
    """The record of an agent that was bound and has observed this many frames."""
    memory, agent = memory_of(), agent_with(*caps)
    writer = StateWriter(agent).initialise(memory, IDENTITY)
    writer.write_export(2, 1)
    for number in range(frames):
        agent.observe(number, 40 * MS * number)
        writer.write_frame(1000 + number)
    return bytes(memory)


def record_of(memory: memoryview | bytes) -> AgentRecord:
    """The record in ``memory``, which must hold one."""
    record = parse_state(bytes(memory))
    assert record is not None
    return record


def with_word(content: bytes, offset: int, value: int, size: int = 8) -> bytes:
    """``content`` with another number at ``offset``."""
    return content[:offset] + value.to_bytes(size, "little") + content[offset + size :]


def sequence_of(memory: memoryview | bytes) -> int:
    """The record's sequence."""
    return int.from_bytes(memory[SEQUENCE_OFFSET : SEQUENCE_OFFSET + 8], "little")


def wake_of(memory: memoryview | bytes) -> int:
    """The record's wake word."""
    return int.from_bytes(memory[WAKE_OFFSET : WAKE_OFFSET + 4], "little")


@pytest.mark.parametrize(
    ("fields", "zero", "end"),
    [
        (HEADER_MAP, *zeros(HEADER_TEXT + SEPARATOR)),
        (MODEL_MAP, MODEL_SIZE, *zeros(MODEL_TEXT)),
    ],
    ids=["header", "subscription"],
)
def test_the_byte_map_has_no_hole_and_no_overlap(fields: dict[str, Field], zero: int, end: int) -> None:
    """Each field is naturally aligned and starts where the one before it ends; zeros fill the header."""
    at = 0
    for field in fields.values():
        assert field.offset == at
        assert field.offset % min(field.size, 8) == 0
        at += field.size
    assert at == zero
    assert end == (HEADER_SIZE if fields is HEADER_MAP else MODEL_SIZE)


@pytest.mark.parametrize(
    ("constants", "fields"),
    [(HEADER_OFFSETS, HEADER_MAP), (MODEL_OFFSETS, MODEL_MAP)],
    ids=["header", "subscription"],
)
def test_each_constant_is_the_offset_on_the_map(constants: dict[str, str], fields: dict[str, Field]) -> None:
    """Each offset that the module names is the one that its byte map shows."""
    named = {constant: getattr(state, constant) for constant in constants}
    assert named == {constant: fields[name].offset for constant, name in constants.items()}


def test_no_constant_is_missing_from_these_tests() -> None:
    """Every offset of the module is compared with the byte map."""
    offsets = {name for name in vars(state) if name.endswith("_OFFSET")}
    assert offsets == {*HEADER_OFFSETS, *MODEL_OFFSETS, "KEPT_TIMESTAMP_OFFSET"}


def test_each_field_lies_where_the_map_says() -> None:
    """What an agent writes lies, field by field, where the byte map says, and nowhere else is anything."""
    memory = memory_of(bytes([JUNK]) * STATE_SIZE)
    memory[WAKE_OFFSET : WAKE_OFFSET + 4] = (0x50).to_bytes(4, "little")
    memory[SEQUENCE_OFFSET : SEQUENCE_OFFSET + 8] = (0x60).to_bytes(8, "little")
    agent = agent_with(2.5, None)
    writer = StateWriter(agent, 0xB1).initialise(memory, IDENTITY)
    writer.write_export(2, 0x99, 0xA1, 0xA2)
    agent.observe(0x1001, 0x2001)
    writer.write_frame(0x3001)
    for model in agent.subscriptions:
        model.skipped = 0x70
    agent.subscriptions[1].active = False
    agent.observe(0x1009, 0x2002)
    writer.write_frame(0x3002)
    content = bytes(memory)

    assert {name: field.read(content) for name, field in HEADER_MAP.items()} == {
        "version": STATE_VERSION,
        "model_count": 2,
        "sequence": 0x62 + 3 * 2,
        "wake": 0x50 + 4,
        "export_version": 2,
        "pid": IDENTITY.pid,
        "start_ticks": IDENTITY.start_ticks,
        "started_ns": IDENTITY.started_ns,
        "frame_id": 0x1009,
        "timestamp_ns": 0x2002,
        "frames": 2,
        "missed": 7,
        "observed_ns": 0x3002,
        "session": 0x99,
        "first_frame_id": 0x1001,
        "first_timestamp_ns": 0x2001,
        "launcher_pid": IDENTITY.launcher_pid,
        "camera_id": CAMERA,
        "export_inode": 0xA1,
        "export_epoch": 0xA2,
        "confinement": 0,
        "arrivals": 1,
        "gap_ns": 1,
        "gap_before_ns": 0,
        "ended_ns": 0,
        "end_signal": 0,
        "ended_by": 0,
        "configuration": 0xB1,
        "notify": 0,
        "ruth_version": __version__,
    }
    decisions = (Decision.SKIP_INTERVAL, Decision.SKIP_INACTIVE)
    for index, (cap, decision) in enumerate(zip((2.5, 0.0), decisions, strict=True)):
        start = HEADER_SIZE + MODEL_SIZE * index
        assert {name: field.read(content, start) for name, field in MODEL_MAP.items()} == {
            "model_id": f"m{index}",
            "max_fps": cap,
            "active": 1,
            "last_decision": decision,
            "allowed": 1,
            "skipped": 0x71,
            "last_frame_id": 0x1001,
            "last_timestamp_ns": 0x2001,
            "last_session": 0x99,
            "earlier": 0,
            "kept": KEPT.pack(0x1001, 0x2001).ljust(KEPT_FRAMES * KEPT_SIZE, b"\0"),
        }
    assert not any(content[zeros(HEADER_TEXT)[0] : HEADER_SIZE])
    assert set(content[HEADER_SIZE + 2 * MODEL_SIZE :]) == {JUNK}


def test_a_record_reads_back_as_it_was_written() -> None:
    """What an agent writes, a reader gets, each number with its name and unit."""
    memory, agent = memory_of(), agent_with(5, None)
    agent.subscriptions[1].active = False
    writer = StateWriter(agent).initialise(memory, IDENTITY)
    writer.write_confinement(6)
    writer.write_export(2, 3, 4, 5)
    for frame_id, timestamp in [(10, 7 * MS), (12, 47 * MS)]:
        agent.observe(frame_id, timestamp)
        writer.write_frame(500 + frame_id)
    assert record_of(memory) == AgentRecord(
        camera_id=CAMERA,
        pid=IDENTITY.pid,
        start_ticks=IDENTITY.start_ticks,
        started_ns=IDENTITY.started_ns,
        launcher_pid=IDENTITY.launcher_pid,
        export_version=2,
        session=3,
        frame_id=12,
        timestamp_ns=47 * MS,
        first_frame_id=10,
        first_timestamp_ns=7 * MS,
        frames=2,
        missed=1,
        observed_ns=512,
        export_inode=4,
        export_epoch=5,
        confinement=6,
        arrivals=1,
        gap_ns=2,
        gap_before_ns=0,
        configuration=0,
        ruth_version=__version__,
        models=(
            ModelState("m0", 5.0, True, Decision.SKIP_INTERVAL, 1, 1, 10, 7 * MS, 3, 0),
            ModelState("m1", None, False, Decision.SKIP_INACTIVE, 0, 2, None, None, None, 0),
        ),
    )


def test_before_the_first_frame_nothing_is_said_of_frames() -> None:
    """What is not valid yet reads as None and not as 0."""
    memory = memory_of()
    StateWriter(agent_with(5)).initialise(memory, IDENTITY)
    record = record_of(memory)
    newest = (record.frame_id, record.timestamp_ns, record.observed_ns)
    assert newest == (record.first_frame_id, record.first_timestamp_ns, None) == (None, None, None)
    assert (record.export_version, record.session, record.frames, record.missed) == (0, 0, 0, 0)
    assert record.models == (ModelState("m0", 5.0, True, Decision.NONE, 0, 0, None, None, None, 0),)


def test_a_frame_with_id_and_time_zero_is_a_frame() -> None:
    """Id 0 and timestamp 0 read as 0, not as nothing."""
    record = record_of(written(5))
    assert (record.frame_id, record.timestamp_ns, record.first_frame_id) == (0, 0, 0)
    assert (record.models[0].last_frame_id, record.models[0].last_timestamp_ns) == (0, 0)


@pytest.mark.parametrize("decision", Decision, ids=lambda decision: decision.name)
def test_every_decision_reads_back(decision: Decision) -> None:
    """Whatever was decided last is what a reader sees."""
    memory, agent = memory_of(), agent_with(5)
    writer = StateWriter(agent).initialise(memory, IDENTITY)
    agent.observe(0, 0)
    agent.subscriptions[0].last_decision = decision
    writer.write_frame(1)
    assert record_of(memory).models[0].last_decision is decision


@settings(derandomize=True, max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 2000 * MS)), max_size=40),
    st.lists(st.sampled_from([None, 0.5, 5, 25, 1000]), min_size=1, max_size=4),
    st.sets(st.integers(0, 40)),
)
def test_the_record_is_the_agent(
    stream: list[tuple[int, int]], caps: list[float | None], restarts: set[int]
) -> None:
    """After every frame the record says of each model what its subscription itself says."""
    memory, agent = memory_of(), agent_with(*caps)
    writer = StateWriter(agent).initialise(memory, IDENTITY)
    for position, (frame_id, timestamp) in enumerate(stream):
        if position in restarts:
            agent.start_export()
            writer.write_export(2, position + 1)
        if agent.observe(frame_id, timestamp):
            writer.write_frame(position)
        record = record_of(memory)
        assert (record.frames, record.missed) == (agent.frames, agent.missed)
        for model, subscription in zip(record.models, agent.subscriptions, strict=True):
            assert (model.allowed, model.skipped) == (subscription.allowed, subscription.skipped)
            assert model.last_decision is subscription.last_decision


def test_the_last_eligible_frame_outlives_its_export() -> None:
    """The last allowed frame stays on record while another export has begun and while frames are skipped."""
    memory, agent = memory_of(), agent_with(5)
    writer = StateWriter(agent).initialise(memory, IDENTITY)
    writer.write_export(2, 1, 11, 111)
    agent.observe(900, 1000 * MS)
    writer.write_frame(1)
    agent.start_export()
    writer.write_export(2, 2, 22, 222)
    agent.observe(0, 1040 * MS)
    writer.write_frame(2)
    record = record_of(memory)
    (model,) = record.models
    assert (model.last_frame_id, model.last_timestamp_ns, model.last_session) == (900, 1000 * MS, 1)
    assert (record.session, record.export_inode, record.export_epoch) == (2, 22, 222)


def test_a_new_anchor_is_no_eligible_frame() -> None:
    """A frame that ran backwards moves the gate's anchor, but not the last allowed frame on record."""
    memory, agent = memory_of(), agent_with(5)
    writer = StateWriter(agent).initialise(memory, IDENTITY)
    for frame_id, timestamp in [(0, 1000 * MS), (1, 10 * MS)]:
        agent.observe(frame_id, timestamp)
        writer.write_frame(1)
    (model,) = record_of(memory).models
    assert (model.last_frame_id, model.last_timestamp_ns) == (0, 1000 * MS)
    assert model.last_decision is Decision.SKIP_BACKWARDS


def test_the_first_frame_is_that_of_the_present_export() -> None:
    """With a new session the first frame on record is that session's first."""
    memory, agent = memory_of(), agent_with(5)
    writer = StateWriter(agent).initialise(memory, IDENTITY)
    firsts = []
    for session, ids in [(1, (4, 5)), (2, (0, 1)), (3, (7, 9))]:
        writer.write_export(2, session)
        agent.start_export()
        for frame_id in ids:
            agent.observe(frame_id, 100 * session + frame_id)
            writer.write_frame(1)
        record = record_of(memory)
        firsts.append((record.first_frame_id, record.first_timestamp_ns))
    assert firsts == [(4, 104), (0, 200), (7, 307)]


def test_an_export_lost_before_its_first_frame_still_has_one() -> None:
    """Which frame was the first is recorded also where the export was lost and found again before it."""
    memory, agent = memory_of(), agent_with(5)
    writer = StateWriter(agent).initialise(memory, IDENTITY)
    for session, number in ((1, 7), (2, 9)):
        writer.write_export(2, session)
        writer.write_export(0, session)
        writer.write_export(2, session)
        agent.start_export()
        agent.observe(number, 10 * number)
        writer.write_frame(1)
        found = record_of(memory)
        assert (found.first_frame_id, found.first_timestamp_ns) == (number, 10 * number)


def test_an_export_lost_and_found_is_the_same_one() -> None:
    """Letting an export go and binding it again changes its version on record, not its first frame."""
    memory, agent = memory_of(), agent_with(5)
    writer = StateWriter(agent).initialise(memory, IDENTITY)
    versions = []
    for version, frame_id in [(2, 4), (0, 5), (2, 6)]:
        writer.write_export(version, 1)
        agent.observe(frame_id, 0)
        writer.write_frame(1)
        versions.append(record_of(memory).export_version)
    assert versions == [2, 0, 2]
    assert record_of(memory).first_frame_id == 4


def test_no_export_has_no_identity() -> None:
    """When the export is released, or another of version 1 comes, its identity is off the record."""
    memory = memory_of()
    writer = StateWriter(agent_with(5)).initialise(memory, IDENTITY)
    identities = []
    for version, identity in [(2, (11, 111)), (0, ()), (2, (22, 222)), (1, ())]:
        writer.write_export(version, 1, *identity)
        identities.append((record_of(memory).export_inode, record_of(memory).export_epoch))
    assert identities == [(11, 111), (0, 0), (22, 222), (0, 0)]


def test_a_frame_without_a_session_is_the_first() -> None:
    """The first frame of an agent is the first on record, whether or not an export was recorded before it."""
    memory, agent = memory_of(), agent_with(5)
    writer = StateWriter(agent).initialise(memory, IDENTITY)
    agent.observe(7, 77)
    writer.write_frame(1)
    assert (record_of(memory).first_frame_id, record_of(memory).first_timestamp_ns) == (7, 77)


class WatchedAgent(StreamAgent):
    """An agent that notes the record's sequence whenever its counters are looked at."""

    memory = memory_of()
    sequences: list[int]

    @property
    def missed(self) -> int:
        """Frames missed; and the sequence at this moment is recorded."""
        self.sequences.append(sequence_of(self.memory))
        return 0

    @missed.setter
    def missed(self, _: int) -> None:
        """The counters of this agent need no number here."""


def test_the_sequence_is_odd_while_the_record_changes() -> None:
    """While a change is being stored the sequence is odd, and before and after it is even and higher."""
    agent = WatchedAgent(CAMERA)
    agent.memory = memory_of()
    writer = StateWriter(agent).initialise(agent.memory, IDENTITY)
    agent.observe(0, 0)
    agent.sequences = []
    before = sequence_of(agent.memory)
    writer.write_frame(1)
    assert before % 2 == 0
    assert agent.sequences == [before + 1]
    assert sequence_of(agent.memory) == before + 2


class Watched:
    """The number 2, which notes the record's sequence when it is stored."""

    def __init__(self, memory: memoryview) -> None:
        self.memory = memory
        self.sequences: list[int] = []

    def __index__(self) -> int:
        self.sequences.append(sequence_of(self.memory))
        return 2


def test_the_sequence_is_odd_while_the_export_changes() -> None:
    """Also while a change of export is being stored the sequence is odd."""
    memory = memory_of()
    writer = StateWriter(agent_with(5)).initialise(memory, IDENTITY)
    before = sequence_of(memory)
    version, session = Watched(memory), Watched(memory)
    writer.write_export(version, session)  # type: ignore[arg-type]
    assert {*version.sequences, *session.sequences} == {before + 1}
    assert (record_of(memory).export_version, record_of(memory).session) == (2, 2)


class WatchedMemory:
    """Memory of a record that notes, after each store, where it began, the version and the sequence."""

    def __init__(self, memory: memoryview, stores: list[tuple[int, int, int]]) -> None:
        self._memory = memory
        self._whole = memory.cast("B")
        self.stores = stores

    def cast(self, kind: str) -> WatchedMemory:
        """As memoryview has it."""
        return WatchedMemory(self._memory.cast(kind), self.stores)

    def __getitem__(self, index: int) -> int:
        return self._memory[index]

    def __setitem__(self, index: int | slice, value: int | bytes) -> None:
        self._memory[index] = value
        first = index.start if isinstance(index, slice) else index
        at = first * self._memory.itemsize
        self.stores.append((at, int.from_bytes(self._whole[:4], "little"), sequence_of(self._whole)))


@pytest.mark.parametrize("left", [0, 6, 7])
def test_a_record_is_none_while_its_agent_is_being_started(left: int) -> None:
    """A new agent makes the sequence odd first; then the version is 0, until all is in its place."""
    memory = memory_of(with_word(written(5), SEQUENCE_OFFSET, left))
    watched = WatchedMemory(memory, [])
    StateWriter(agent_with(25)).initialise(watched, IDENTITY)  # type: ignore[arg-type]
    first, second, *between, version, even, wake = watched.stores
    assert first == (SEQUENCE_OFFSET, STATE_VERSION, left | 1)
    assert second == (0, 0, left | 1)
    assert {store[1:] for store in between} == {(0, left | 1)}
    assert version == (0, STATE_VERSION, left | 1)
    assert even == (SEQUENCE_OFFSET, STATE_VERSION, (left | 1) + 1)
    assert wake == (WAKE_OFFSET, STATE_VERSION, (left | 1) + 1)
    assert record_of(memory).models[0].max_fps == 25


@pytest.mark.parametrize("change", ["frame", "export", "confinement"])
def test_a_change_is_whole_before_the_wake_word_moves(change: str) -> None:
    """First the sequence is odd, last it is even, and only then does the word move that others wait for.

    Who met the word moved and the record not yet whole would wait for a word that does not move again.
    """
    memory, agent = memory_of(), agent_with(5)
    watched = WatchedMemory(memory, [])
    writer = StateWriter(agent).initialise(watched, IDENTITY)  # type: ignore[arg-type]
    agent.observe(1, 1)
    watched.stores.clear()
    before = sequence_of(memory)
    if change == "frame":
        writer.write_frame(1)
    elif change == "export":
        writer.write_export(2, 1)
    else:
        writer.write_confinement(7)
    first, *between, even, wake = watched.stores
    assert first == (SEQUENCE_OFFSET, STATE_VERSION, before + 1)
    assert {store[1:] for store in between} == {(STATE_VERSION, before + 1)}
    assert even == (SEQUENCE_OFFSET, STATE_VERSION, before + 2)
    assert wake == (WAKE_OFFSET, STATE_VERSION, before + 2)


def test_every_change_moves_sequence_and_wake() -> None:
    """Each frame and each change of export moves the sequence by two and the wake word by one."""
    memory, agent = memory_of(), agent_with(5)
    writer = StateWriter(agent).initialise(memory, IDENTITY)
    seen = [(sequence_of(memory), wake_of(memory))]
    for number in range(3):
        agent.observe(number, number)
        writer.write_frame(number)
        seen.append((sequence_of(memory), wake_of(memory)))
        writer.write_export(1, 1)
        seen.append((sequence_of(memory), wake_of(memory)))
    assert seen == [(2 + 2 * number, 1 + number) for number in range(7)]


@pytest.mark.parametrize(("left", "goes_on"), [(0, 2), (2, 4), (3, 4), (1001, 1002), (2**62, 2**62 + 2)])
def test_the_sequence_goes_on_over_agents(left: int, goes_on: int) -> None:
    """A new agent in a dead one's memory goes on from its sequence, also from one left odd."""
    memory = memory_of(with_word(written(5), SEQUENCE_OFFSET, left))
    StateWriter(agent_with(5)).initialise(memory, IDENTITY)
    assert sequence_of(memory) == goes_on
    assert record_of(memory).frames == 0


@pytest.mark.parametrize(("left", "goes_on"), [(0, 1), (7, 8), (UINT32_MAX - 1, UINT32_MAX), (UINT32_MAX, 0)])
def test_the_wake_word_goes_on_over_agents(left: int, goes_on: int) -> None:
    """A new agent increments the wake word where it is, modulo 2^32, so that a waiting process notices."""
    memory = memory_of(with_word(written(5), WAKE_OFFSET, left, size=4))
    StateWriter(agent_with(5)).initialise(memory, IDENTITY)
    assert wake_of(memory) == goes_on


@pytest.mark.parametrize("change", ["frame", "export"])
def test_the_wake_word_wraps(change: str) -> None:
    """After 2^32 changes the wake word is 0 again, whatever the change."""
    memory, agent = memory_of(), agent_with(5)
    writer = StateWriter(agent).initialise(memory, IDENTITY)
    memory[WAKE_OFFSET : WAKE_OFFSET + 4] = UINT32_MAX.to_bytes(4, "little")
    agent.observe(1, 1)
    if change == "frame":
        writer.write_frame(1)
    else:
        writer.write_export(2, 1)
    assert wake_of(memory) == 0


@pytest.mark.parametrize("junk", [0x00, 0x01, 0x7F, 0x80, 0xFF])
def test_a_new_agent_starts_afresh_in_any_memory(junk: int) -> None:
    """Whatever is in the memory, a new agent's record shows none of it, and changes can be counted."""
    memory, agent = memory_of(bytes([junk]) * STATE_SIZE), agent_with(5, None)
    writer = StateWriter(agent).initialise(memory, IDENTITY)
    fresh = memory_of()
    StateWriter(agent_with(5, None)).initialise(fresh, IDENTITY)
    assert record_of(memory) == record_of(fresh)
    for number in range(3):
        agent.observe(number, number)
        writer.write_frame(number)
    assert record_of(memory).frames == 3


def test_a_longer_record_leaves_no_model_behind() -> None:
    """An agent with fewer models than the one before it shows its own and no other."""
    memory = memory_of(written(*CAPS))
    StateWriter(agent_with(25)).initialise(memory, IDENTITY)
    assert [model.model_id for model in record_of(memory).models] == ["m0"]


@pytest.mark.parametrize("sequence", [1, 3, 2**63 + 1, UINT64_MAX])
def test_a_record_under_change_is_refused(sequence: int) -> None:
    """A record whose sequence is odd is not a record."""
    assert parse_state(with_word(written(5), SEQUENCE_OFFSET, sequence)) is None


def test_a_record_left_under_change_can_be_asked_for() -> None:
    """A reader that knows the agent is dead or stopped may accept the record that it left odd."""
    content = written(5)
    left = with_word(content, SEQUENCE_OFFSET, sequence_of(content) + 1)
    assert parse_state(left, torn=True) == record_of(content)


@pytest.mark.parametrize("version", [0, 1, STATE_VERSION - 1, STATE_VERSION + 1, 2**31, UINT32_MAX])
@pytest.mark.parametrize("torn", [False, True], ids=["whole", "torn"])
def test_a_record_of_another_version_is_refused(version: int, torn: bool) -> None:
    """A record of any version but 2 is not a record, torn or whole."""
    assert parse_state(with_word(written(5), 0, version, size=4), torn=torn) is None


def test_empty_memory_holds_no_record() -> None:
    """Memory that no agent has written yet holds no record, and neither does one marked as being started."""
    assert parse_state(bytes(STATE_SIZE)) is None
    assert len(NO_RECORD) == HEADER_MAP["version"].size
    assert parse_state(NO_RECORD + written(5)[len(NO_RECORD) :]) is None


@pytest.mark.parametrize("count", [MODELS_MAX + 1, 1000, 2**31, UINT32_MAX])
def test_more_models_than_fit_are_refused(count: int) -> None:
    """A record that claims more than 63 models is not a record."""
    assert parse_state(with_word(written(5), 4, count, size=4) * 2) is None


@pytest.mark.parametrize("torn", [False, True], ids=["whole", "torn"])
@pytest.mark.parametrize("models", [0, 1, len(CAPS)])
def test_a_truncated_record_is_refused(models: int, torn: bool) -> None:
    """A record that is cut before its last model's end is not a record; what lies behind is not needed."""
    content = written(*CAPS[:models])
    needed = HEADER_SIZE + MODEL_SIZE * models
    assert all(parse_state(content[:length], torn=torn) is None for length in range(needed))
    whole = parse_state(content, torn=torn)
    assert whole is not None
    assert parse_state(content[:needed], torn=torn) == whole


def test_an_unknown_decision_reads_as_none_yet() -> None:
    """A decision that this program does not know reads as NONE."""
    content = written(5)
    at = HEADER_SIZE + MODEL_MAP["last_decision"].offset
    record = record_of(with_word(content, at, max(Decision) + 1, size=4))
    assert record.models[0].last_decision is Decision.NONE


def judged(content: bytes) -> None:
    """Reads ``content``, whole and torn; whatever it accepts must have the models that it claims."""
    for torn in (False, True):
        record = parse_state(content, torn=torn)
        if record is not None:
            assert len(record.models) <= MODELS_MAX
            assert len(content) >= HEADER_SIZE + MODEL_SIZE * len(record.models)
            assert all(isinstance(model.last_decision, Decision) for model in record.models)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.binary(max_size=3 * HEADER_SIZE))
def test_random_bytes_never_raise(content: bytes) -> None:
    """Whatever bytes stand in the file: a record or none, no exception."""
    judged(content)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, MODELS_MAX + 1), st.integers(0, STATE_SIZE))
def test_random_bytes_behind_a_right_version_never_raise(seed: int, count: int, length: int) -> None:
    """Also behind a right version, count and sequence, whatever is there is a record or none."""
    header = struct.pack("<IIQ", STATE_VERSION, count, 2)
    judged((header + random.Random(seed).randbytes(STATE_SIZE))[:length])


def test_63_models_fit() -> None:
    """A record holds up to 63 models, with the longest ids, and the file has no room for one more."""
    assert re.search(r"model_count +u32 +.*\b0 to 63\b", HEADER_TEXT)
    assert MODELS_MAX == 63
    assert 0 <= STATE_SIZE - HEADER_SIZE - MODEL_SIZE * MODELS_MAX < MODEL_SIZE
    memory, agent = memory_of(), StreamAgent("c" * 64)
    ids = [f"{index:064}" for index in range(MODELS_MAX)]
    for model_id in ids:
        agent.subscribe(Subscription("c" * 64, model_id, 5))
    agent.start()
    writer = StateWriter(agent).initialise(memory, IDENTITY)
    agent.observe(7, 7)
    writer.write_frame(1)
    record = record_of(memory)
    assert record.camera_id == "c" * 64
    assert [model.model_id for model in record.models] == ids
    assert {model.last_frame_id for model in record.models} == {7}


@pytest.mark.parametrize("cap", [None, 5, 2.5, 30_000 / 1001, 5e-324, 1e6])
def test_a_cap_reads_back_exactly(cap: float | None) -> None:
    """A reader gets the very cap, and None for every frame."""
    memory = memory_of()
    StateWriter(agent_with(cap)).initialise(memory, IDENTITY)
    assert record_of(memory).models[0].max_fps == cap


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 400)), max_size=120), st.sampled_from([None, 5, 25]))
def test_the_last_frames_allowed_are_kept(steps: list[int | None], cap: float | None) -> None:
    """The n-th frame allowed is in entry (n - 1) mod 16; those of earlier exports are told apart.

    A step is the milliseconds until the next frame, or None for another export.
    """
    memory, agent = memory_of(), agent_with(cap)
    writer = StateWriter(agent).initialise(memory, IDENTITY)
    allowed: list[tuple[int, int, int]] = []  # session, id, timestamp
    session = frame_id = timestamp = 0
    for step in [None, *steps]:
        if step is None:
            session, frame_id = session + 1, 0
            agent.start_export()
            writer.write_export(2, session)
            continue
        timestamp += step * MS
        agent.observe(frame_id, timestamp)
        writer.write_frame(1)
        if agent.subscriptions[0].last_decision is Decision.ALLOW:
            allowed.append((session, frame_id, timestamp))
        frame_id += 1
    model = record_of(memory).models[0]
    assert model.allowed == len(allowed)
    last = model.last_session
    assert model.earlier == sum(frame[0] != last for frame in allowed)
    kept = bytes(memory)[HEADER_SIZE + MODEL_MAP["kept"].offset :]
    for number in range(max(1, len(allowed) - KEPT_FRAMES + 1), len(allowed) + 1):
        entry = KEPT.unpack_from(kept, (number - 1) % KEPT_FRAMES * KEPT_SIZE)
        assert entry == allowed[number - 1][1:]
        assert (number > model.earlier) == (allowed[number - 1][0] == last)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 3000), max_size=300))
def test_arrivals_and_gaps_are_those_of_the_frames(gaps: list[int]) -> None:
    """A frame within 5 ms of the one before is not an arrival; the longest gap is of the last two windows."""
    memory, agent = memory_of(), agent_with(5)
    writer = StateWriter(agent).initialise(memory, IDENTITY)
    now = 1000 * MS
    for number, gap in enumerate([0, *gaps]):
        now += gap * MS
        agent.observe(number, now)
        writer.write_frame(now)
    record = record_of(memory)
    assert record.arrivals == 1 + sum(gap >= TOGETHER_NS / MS for gap in gaps)
    windows: list[list[int]] = [[0]]  # of gaps, by the frame behind them; frames are numbered from 1 on
    for number, gap in enumerate(gaps, 2):
        if number % WINDOW_FRAMES == 0:
            windows.append([])
        windows[-1].append(gap * MS)
    assert record.gap_ns == max(windows[-1])
    assert record.gap_before_ns == (max(windows[-2]) if len(windows) > 1 else 0)
    assert longest_gap_ns(record) == max(max(window) for window in windows[-2:])


def test_numbers_at_the_ends_of_64_bits_are_stored() -> None:
    """Ids and timestamps up to 2^64 - 1 are stored as they are, export after export."""
    memory, agent = memory_of(), agent_with(5, None)
    writer = StateWriter(agent).initialise(memory, IDENTITY)
    for session in range(1, 4):
        agent.start_export()
        writer.write_export(1, session)
        for frame_id, timestamp in [(0, 0), (UINT64_MAX, UINT64_MAX)]:
            agent.observe(frame_id, timestamp)
            writer.write_frame(UINT64_MAX)
        record = record_of(memory)
        assert (record.frame_id, record.timestamp_ns, record.observed_ns) == (UINT64_MAX,) * 3


def test_missed_counts_modulo_2_to_the_64() -> None:
    """Gaps that add up to more than 64 bits, as hostile ids can make them, wrap and stop nothing."""
    memory, agent = memory_of(), agent_with(5)
    writer = StateWriter(agent).initialise(memory, IDENTITY)
    for _ in range(2):
        agent.start_export()
        for frame_id in (0, UINT64_MAX):
            agent.observe(frame_id, 0)
            writer.write_frame(1)
    assert agent.missed == 2 * (UINT64_MAX - 1)
    assert record_of(memory).missed == agent.missed % 2**64
