"""The memory that C works on: each struct is declared once, as a typed tuple.

It is packed, and compiled, from that: a field's annotation says what it is in both languages. C gets the
definition and, for each field, an assertion of where it lies; so no number of bytes is written down anywhere.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Annotated, Generic, NamedTuple, TypeAlias, TypeVar, get_type_hints

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Iterator


class CType(NamedTuple):
    """What a field is: its code in :mod:`struct`, and how C declares it."""

    code: str
    c_type: str
    c_length: str = ""


U64: TypeAlias = Annotated[int, CType("Q", "uint64_t")]
I64: TypeAlias = Annotated[int, CType("q", "int64_t")]
Record: TypeAlias = Annotated[bytes, CType("64s", "unsigned char", "[64]")]
"""A record of ``frame.meta`` (:data:`ruth.export.layout.RECORD_SIZE`)."""


class SubscriptionWords(NamedTuple):
    """One subscription: its short form (:class:`ruth.subscription.subscription.ShortForm`) and its state."""

    from_ns: U64
    wait_ns: U64
    early: U64
    due: U64
    moves: U64  # whether there is an interval
    interval: U64
    allowed: U64
    skipped: U64
    last_frame_id: U64
    last_timestamp_ns: U64
    dispatched: U64  # whether anything was allowed in the present export
    decision: U64


class AgentWords(NamedTuple):
    """One agent: where things are, and what it was given (:class:`launch.agent.handover.Handover`).

    An address is one of the process that follows it.
    """

    state: U64  # of agent.state
    state_file: I64  # its descriptor, for the notice (launch/agent/notice.py)
    subscriptions: U64  # of the first
    subscription_count: U64
    directory_path: U64  # no other path may be given to a system call (launch/agent/confine/seccomp.py)
    meta_path: U64
    data_path: U64
    meta_name: U64
    data_name: U64
    export_version: U64  # as agent.state has it
    session: U64
    of_ring: U64  # from here on: ruth.export.source.Taken
    device: U64
    inode: U64
    epoch: U64
    ring_record: Record
    renamed_record: Record
    frame_id: U64
    timestamp_ns: U64
    frames: U64
    frames_in_session: U64
    missed: U64


class CallWords(NamedTuple):
    """A system call (:class:`launch.agent.confine.system_call.Call`)."""

    number: U64
    first: U64
    second: U64
    third: U64
    fourth: U64
    fifth: U64
    sixth: U64


class StartWords(NamedTuple):
    """What a process begins with before it is an agent's; of a text its address, its bytes, where it goes."""

    agent: U64  # address
    state: I64  # descriptors; the last one -1 if there is none
    null: I64
    ruleset: I64
    descriptors_end: U64  # above every open one
    launcher_pid: U64
    title: U64
    title_size: U64
    title_to: U64  # where it is shown
    name: U64  # address of the short title
    record: U64  # what the state record holds from the pid on
    record_size: U64
    path: U64  # of the camera; of no bytes if none is sealed
    path_size: U64
    path_to: U64  # where it is sealed
    calls: U64  # address of what confines
    call_count: U64
    measures: U64  # that are then in force


Words = TypeVar("Words", bound="tuple[object, ...]")


class Packed(Generic[Words]):
    """How one of these tuples lies in memory.

    Args:
        words: The tuple's class.
        name: Of the struct in C.

    Attributes:
        size: In bytes.

    """

    __slots__ = ("_kinds", "_name", "_struct", "_words", "size")

    def __init__(self, words: type[Words], name: str) -> None:
        hints = get_type_hints(words, include_extras=True)
        self._kinds: dict[str, CType] = {field: hint.__metadata__[0] for field, hint in hints.items()}
        self._struct = struct.Struct("@" + "".join(kind.code for kind in self._kinds.values()))
        self._words = words
        self._name = name
        self.size = self._struct.size

    def pack_into(self, memory: ctypes.Array[ctypes.c_char], at: int, words: Words) -> None:
        """Writes one. Raises struct.error if a number does not fit its field."""
        self._struct.pack_into(memory, at, *words)

    def pack(self, words: Words) -> bytes:
        """The bytes of one. Raises as :meth:`pack_into`."""
        return self._struct.pack(*words)

    def unpack_from(self, memory: ctypes.Array[ctypes.c_char], at: int) -> Words:
        """Reads one."""
        return self._words(*self._struct.unpack_from(memory, at))

    def definition(self) -> str:
        """The struct in C, and that each field lies where Python has it."""
        fields = [f"    {kind.c_type} {field}{kind.c_length};" for field, kind in self._kinds.items()]
        checks = [
            f'_Static_assert(offsetof(struct {self._name}, {field}) == {at}, "{field}");'
            for field, at in self._offsets()
        ]
        size = f'_Static_assert(sizeof(struct {self._name}) == {self.size}, "size");'
        return "\n".join((f"struct {self._name} {{", *fields, "};", *checks, size, ""))

    def _offsets(self) -> Iterator[tuple[str, int]]:
        codes = "@"
        for field, kind in self._kinds.items():
            codes += kind.code
            yield field, struct.calcsize(codes) - struct.calcsize("@" + kind.code)


SUBSCRIPTION = Packed(SubscriptionWords, "subscription")
AGENT = Packed(AgentWords, "agent")
CALL = Packed(CallWords, "call")
START = Packed(StartWords, "start")


def definitions() -> str:
    """All of them, in C."""
    return f"{SUBSCRIPTION.definition()}{AGENT.definition()}{CALL.definition()}{START.definition()}"
