"""The writer of version 2 as single stores, after docs/frame-export.md, section 4.

Each step has the name that it has in ``ruth/vas/ring.py``. All that a writer knows of the files is what is
stored there, so one that comes back to the files of a dead one goes on from what that one left.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from model.memory import RELAXED, RELEASE, Fence, Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.memory import Value, Word

Program: TypeAlias = "Iterator[Store | Fence]"

OPEN: Final = 1  # flags: the writer wakes
CLOSED: Final = 2


class RecordWords(NamedTuple):
    """The words of one record. Version and the rest of the geometry are one word: they change together."""

    sequence: Word
    frame_id: Word
    timestamp_ns: Word
    geometry: Word
    data_offset: Word


class ExportWords(NamedTuple):
    """The words of one ``frame.meta`` and of the ``frame.data`` that belongs to it."""

    number: int
    newest: RecordWords
    slots: tuple[RecordWords, ...]
    wake: Word
    flags: Word
    epoch: Word
    data_inode: Word


class DirectoryWords(NamedTuple):
    """Where the two names lead: the number of an export whose file it is."""

    meta: Word = "name frame.meta"
    data: Word = "name frame.data"


DIRECTORY: Final = DirectoryWords()


@cache
def export_words(number: int, slot_count: int) -> ExportWords:
    """The words of the files of export ``number``, which has ``slot_count`` slots."""
    files = f"files {number}: "

    def record(name: str) -> RecordWords:
        return RecordWords(*(f"{files}{name} {field}" for field in RecordWords._fields))

    return ExportWords(
        number=number,
        newest=record("newest"),
        slots=tuple(record(f"slot {slot}") for slot in range(slot_count)),
        wake=f"{files}wake",
        flags=f"{files}flags",
        epoch=f"{files}epoch",
        data_inode=f"{files}data_inode",
    )


def payload_words(data: int, slot: int) -> tuple[Word, Word]:
    """The two words of pixels in slot ``slot`` of the ``frame.data`` of export ``data``."""
    return f"data {data}: slot {slot} payload 0", f"data {data}: slot {slot} payload 1"


def timestamp_of(epoch: int, frame_id: int) -> int:
    """Each frame of each session has another one."""
    return 1000 * epoch + frame_id


def geometry_of(epoch: int) -> str:
    """Each session has another one, so that a mixture shows."""
    return f"geometry {epoch}"


def made(export: ExportWords, epoch: int) -> dict[Word, Value]:
    """What the files hold when they are renamed into place."""
    held: dict[Word, Value] = {
        export.wake: 0,
        export.flags: OPEN,
        export.epoch: epoch,
        export.data_inode: export.number,
    }
    for slot, record in enumerate((*export.slots, export.newest)):
        offset = slot % len(export.slots)
        held |= zip(record, (0, 0, 0, geometry_of(epoch), offset), strict=True)
    for slot in range(len(export.slots)):
        held |= dict.fromkeys(payload_words(export.number, slot), (0, 0))
    return held


class Rules(NamedTuple):
    """What a writer keeps to. Each rule can be broken, to see that the search finds out.

    Attributes:
        slot_odd: Step 1 marks the slot's record.
        slot_fence: A release fence after step 1.
        slot_release: Step 4 is a release store.
        newest_odd: Step 5 marks the newest record.
        newest_fence: A release fence after step 5.
        newest_release: Step 7 is a release store.
        wake_release: Step 8, and the wake at the end, are release stores.
        closed_release: The end sets its flag with a release store.
        wake_last: Wake counts after the record is complete.
        new_epoch: A session in the same files has another epoch.
        sequences_go_on: A session in the same files does not reset sequences.
        epoch_inside: It changes epoch and geometry while the newest sequence is odd.
        epoch_fence: A release fence before it does.

    """

    slot_odd: bool = True
    slot_fence: bool = True
    slot_release: bool = True
    newest_odd: bool = True
    newest_fence: bool = True
    newest_release: bool = True
    wake_release: bool = True
    closed_release: bool = True
    wake_last: bool = True
    new_epoch: bool = True
    sequences_go_on: bool = True
    epoch_inside: bool = True
    epoch_fence: bool = True


RULES: Final = Rules()


def _release(rule: bool) -> str:
    return RELEASE if rule else RELAXED


class Writer:
    """One process that writes, and those that come back after it.

    Attributes:
        export: The words of the files written now.
        initial: What all words hold that were not stored one by one, since no process could see them yet.
        epoch: Of this session.

    """

    def __init__(self, slot_count: int, rules: Rules = RULES) -> None:
        self.export = export_words(1, slot_count)
        self.initial = made(self.export, 1) | {DIRECTORY.meta: 1, DIRECTORY.data: 1}
        self.epoch = 1
        self._rules = rules
        self._held = dict(self.initial)
        self._frame_id = 0

    def live(self, frames: int, dies_after: int | None = None) -> Program:
        """Publishes ``frames`` frames, or dies after so many stores."""
        stores = 0
        for _ in range(frames):
            for step in self.publish():
                if isinstance(step, Store):
                    if stores == dies_after:
                        return
                    stores += 1
                yield self._done(step)

    def come_back(self, *, in_new_files: bool, frames: int) -> Program:
        """Goes on where :meth:`live` died, as another process."""
        start = self._begin_in_new_files if in_new_files else self._begin_in_the_same_files
        for step in start():
            yield self._done(step)
        yield from self.live(frames)

    def close(self) -> Program:
        """Ends the export."""
        for step in self._end(self.export):
            yield self._done(step)

    def _done(self, step: Store | Fence) -> Store | Fence:
        """What was stored is in memory, whatever becomes of the process."""
        if isinstance(step, Store):
            self._held[step.word] = step.value
        return step

    def _number(self, word: Word) -> int:
        number: int = self._held[word]
        return number

    def publish(self) -> Program:
        """Publishes one frame: steps 1 to 8 of the document. Step 9 stores nothing."""
        frame_id, export, rules = self._frame_id, self.export, self._rules
        frame = (self.epoch, frame_id)
        wake = Store("wake + 1", export.wake, self._number(export.wake) + 1, _release(rules.wake_release))
        parts = [self._publish_slot(frame_id), self._publish_newest(frame_id)]
        parts.insert(2 if rules.wake_last else 0, iter((wake,)))
        for part in parts:
            for step in part:
                yield step._replace(frame=frame) if isinstance(step, Store) else step
        self._frame_id += 1

    def _publish_slot(self, frame_id: int) -> Program:
        rules, slot = self._rules, frame_id % len(self.export.slots)
        record = self.export.slots[slot]
        sequence = self._number(record.sequence) | 1
        if rules.slot_odd:
            yield Store("slot sequence becomes odd", record.sequence, sequence)
        if rules.slot_fence:
            yield Fence()
        for word in payload_words(self.export.number, slot):
            yield Store("payload", word, (self.epoch, frame_id))
        yield Store("slot fields", record.frame_id, frame_id)
        yield Store("slot fields", record.timestamp_ns, timestamp_of(self.epoch, frame_id))
        yield Store("slot sequence becomes even", record.sequence, sequence + 1, _release(rules.slot_release))

    def _publish_newest(self, frame_id: int) -> Program:
        rules, record = self._rules, self.export.newest
        sequence = self._number(record.sequence) | 1
        even = _release(rules.newest_release)
        if rules.newest_odd:
            yield Store("newest sequence becomes odd", record.sequence, sequence)
        if rules.newest_fence:
            yield Fence()
        yield Store("newest fields", record.frame_id, frame_id)
        yield Store("newest fields", record.timestamp_ns, timestamp_of(self.epoch, frame_id))
        yield Store("newest fields", record.data_offset, frame_id % len(self.export.slots))
        yield Store("newest sequence becomes even", record.sequence, sequence + 1, even)

    def _end(self, export: ExportWords) -> Program:
        flags, wake = self._number(export.flags), self._number(export.wake)
        yield Store("closed", export.flags, flags | CLOSED, _release(self._rules.closed_release))
        yield Store("wake + 1", export.wake, wake + 1, _release(self._rules.wake_release))

    def _begin_in_new_files(self) -> Program:
        """New files over the old ones, and the old's readers told."""
        old, self.export = self.export, export_words(self.export.number + 1, len(self.export.slots))
        self._begin_session(new_epoch=True)
        new = made(self.export, self.epoch)
        self._held |= new
        self.initial |= new
        yield Store("frame.data put in place", DIRECTORY.data, self.export.number, RELEASE)
        yield Store("frame.meta put in place", DIRECTORY.meta, self.export.number, RELEASE)
        yield from self._end(old)

    def _begin_in_the_same_files(self) -> Program:
        """The order of docs/frame-export.md, section 4, "Going on in the files of a dead writer"."""
        rules, newest, export = self._rules, self.export.newest, self.export
        self._begin_session(new_epoch=rules.new_epoch)
        if not rules.sequences_go_on:
            for record in (*export.slots, newest):
                yield Store("sequence reset", record.sequence, 0)
        if rules.epoch_inside:
            odd = self._number(newest.sequence) | 1
            yield Store("newest sequence becomes odd", newest.sequence, odd)
        if rules.epoch_fence:
            yield Fence()
        yield Store("epoch", export.epoch, self.epoch)
        yield Store("newest geometry", newest.geometry, geometry_of(self.epoch))

    def _begin_session(self, *, new_epoch: bool) -> None:
        self._frame_id = 0
        self.epoch += new_epoch
