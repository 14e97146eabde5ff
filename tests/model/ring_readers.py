"""The readers of version 2, as single loads, after docs/frame-export.md, section 5.

:class:`MappingReader` loads through its mapping with fences, as ``tests/contract/reader.c`` does.
:class:`PreadReader` and :class:`FindingReader` read with preads, as ``ruth/export/ring_reader.py`` does. All
bind to what is at the path, and may bind again between any two polls; each frame they accept is judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from model.memory import ACQUIRE, RELAXED, Fence, Load, Pread
from model.ring_writer import DIRECTORY, ExportWords, export_words, geometry_of, payload_words, timestamp_of
from model.search import Ended

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from model.memory import Value, Word
    from model.search import Asked, Poll

NONE: Final = -1


class Kept(NamedTuple):
    """What a reader keeps between two polls.

    Attributes:
        meta: Number of the export whose ``frame.meta`` is open; 0 for none.
        data: Number of the export whose ``frame.data`` is open.
        epoch: Of the ring it is bound to.
        given: Sequence of the newest record that it took last; 0 for none.
        taken: Greatest frame_id taken from this epoch.
        accepted: Greatest frame_id accepted, with its pixels, from this epoch.
        geometry: As it was when this was bound; only a reader that is wrong keeps it.

    """

    meta: int = 0
    data: int = 0
    epoch: int = 0
    given: int = 0
    taken: int = NONE
    accepted: int = NONE
    geometry: Value = None


class Checks(NamedTuple):
    """What a reader keeps to. Each can be left out, to see that the search finds out.

    Attributes:
        even: A record whose sequence is odd does not count.
        newest_again: The newest record's sequence is taken again after its fields.
        slot_again: The slot's sequence and frame_id are taken again after use.
        after_use: That is done after the pixels, not before them.
        same_frame: The slot's frame is compared with the one that is wanted: its id and its timestamp.
        newest_acquire: The first load of the newest record's sequence is an acquire load; with preads:
            an acquire fence follows the first one.
        newest_fence: A fence is before the second load of it; with preads: behind the second one.
        slot_acquire: As newest_acquire, of the slot's record.
        use_fence: A fence is between the pixels and the last load of the slot's sequence.
        walk_acquire: Who walks has a fence behind the first of its preads.
        walk_fence: And behind the second.
        geometry_inside: Geometry is taken between the two sequences, not once and for all when binding.
        epoch: The epoch is taken with the newest record, and compared.
        same_time: And not the id alone.
        data_inode: ``frame.data`` must be the one that ``frame.meta`` names.
        three_preads: One pread for the fields between two for the sequence; not two that agree on all.
        slot_before: Who walks takes the slots' sequences before their fields as well.
        walk_epoch: Who walks takes the epoch once more after the slots, and compares it.

    """

    even: bool = True
    newest_again: bool = True
    slot_again: bool = True
    after_use: bool = True
    same_frame: bool = True
    newest_acquire: bool = True
    newest_fence: bool = True
    slot_acquire: bool = True
    use_fence: bool = True
    geometry_inside: bool = True
    epoch: bool = True
    same_time: bool = True
    data_inode: bool = True
    three_preads: bool = True
    slot_before: bool = True
    walk_epoch: bool = True
    walk_acquire: bool = True
    walk_fence: bool = True


CHECKS: Final = Checks()


class Newest(NamedTuple):
    """The newest record as it was taken."""

    sequence: int
    frame_id: int
    timestamp_ns: int
    slot: int
    geometry: Value


class _Reader:
    """What both readers have in common: binding, and how what they did is judged."""

    def __init__(self, slot_count: int, checks: Checks = CHECKS) -> None:
        self._slot_count = slot_count
        self._checks = checks

    @property
    def start(self) -> Kept:
        """Bound to nothing."""
        return Kept()

    def polls(self, kept: Kept) -> dict[str, Poll[Kept]]:
        """Binding again is possible at any time: a path is compared now and then, and waits time out."""
        polls = {"bind": self._bind(kept)}
        if kept.meta:
            polls["poll"] = self._poll(kept)
        return polls

    def _bind(self, kept: Kept) -> Poll[Kept]:
        """Opens frame.meta, reads the ring, opens frame.data. System calls: nothing moves before them."""
        meta = yield Load(DIRECTORY.meta, ACQUIRE)
        words = export_words(meta, self._slot_count)
        geometry = None if self._checks.geometry_inside else (yield Load(words.newest.geometry, ACQUIRE))
        epoch = yield Load(words.epoch, ACQUIRE)
        data_inode = yield Load(words.data_inode, ACQUIRE)
        data = yield Load(DIRECTORY.data, ACQUIRE)
        if self._checks.data_inode and data_inode != data:
            return Ended(Kept())
        if (meta, data, epoch) == kept[:3]:
            return Ended(kept)
        if epoch < kept.epoch:
            return Ended(kept, problem=f"bound to epoch {epoch} after epoch {kept.epoch}")
        if epoch == kept.epoch:
            return Ended(kept._replace(meta=meta, data=data))
        return Ended(Kept(meta, data, epoch, geometry=geometry))

    def _poll(self, kept: Kept) -> Poll[Kept]:
        """One poll: the newest record, and its pixels."""
        export = export_words(kept.meta, self._slot_count)
        newest = yield from self._take(export, kept)
        if isinstance(newest, Ended):
            return newest
        problem = self._taken_problem(newest, kept)
        kept = kept._replace(given=newest.sequence, taken=newest.frame_id)
        if problem is not None:
            return Ended(kept, problem=problem)
        payload = yield from self._use(export, newest, kept)
        if payload is None:
            return Ended(kept)
        frame = (kept.epoch, newest.frame_id)
        after = kept._replace(accepted=newest.frame_id)
        if payload != (frame, frame):
            problem = f"accepted {payload} as the pixels of frame {frame}"
        elif newest.frame_id <= kept.accepted:
            problem = f"accepted frame {frame} after frame {kept.accepted}"
        elif newest.geometry != geometry_of(kept.epoch):
            problem = f"accepted frame {frame} with {newest.geometry}"
        return Ended(after, (frame,), problem)

    def _taken_problem(self, newest: Newest, kept: Kept) -> str | None:
        """What is wrong with a record that counts. The place of its pixels is judged with them."""
        if newest.frame_id <= kept.taken:
            return f"took frame {newest.frame_id} after frame {kept.taken} of epoch {kept.epoch}"
        if newest.timestamp_ns != timestamp_of(kept.epoch, newest.frame_id):
            return f"took frame {newest.frame_id} of epoch {kept.epoch} with time {newest.timestamp_ns}"
        return None

    def _take(self, export: ExportWords, kept: Kept) -> Generator[Asked, Value, Newest | Ended[Kept]]:
        raise NotImplementedError

    def _use(
        self, export: ExportWords, newest: Newest, kept: Kept
    ) -> Generator[Asked, Value, tuple[Value, Value] | None]:
        raise NotImplementedError


def _order(check: bool) -> str:
    return ACQUIRE if check else RELAXED


class MappingReader(_Reader):
    """Loads word by word through a mapping: ``take()`` and ``use()`` of tests/contract/reader.c."""

    def _take(self, export: ExportWords, kept: Kept) -> Generator[Asked, Value, Newest | Ended[Kept]]:
        checks, record = self._checks, export.newest
        sequence = yield Load(record.sequence, _order(checks.newest_acquire))
        # What follows has no effect if this is odd, or the record taken before: it is left out.
        if (checks.even and sequence % 2) or sequence in (0, kept.given):
            return Ended(kept)
        still = (record.sequence, sequence) if checks.newest_fence and checks.newest_again else None
        frame_id = yield Load(record.frame_id, still=still)
        timestamp_ns = yield Load(record.timestamp_ns, still=still)
        slot = yield Load(record.data_offset, still=still)
        epoch = yield Load(export.epoch, still=still)
        geometry = (yield Load(record.geometry, still=still)) if checks.geometry_inside else kept.geometry
        if checks.newest_fence:
            yield Fence()
        if checks.newest_again and (yield Load(record.sequence)) != sequence:
            return Ended(kept)
        if checks.epoch and epoch != kept.epoch:
            return Ended(Kept())
        return Newest(sequence, frame_id, timestamp_ns, slot, geometry)

    def _use(
        self, export: ExportWords, newest: Newest, kept: Kept
    ) -> Generator[Asked, Value, tuple[Value, Value] | None]:
        checks, record = self._checks, export.slots[newest.slot]
        sequence = yield Load(record.sequence, _order(checks.slot_acquire))
        if checks.even and sequence % 2:
            return None
        frame_id = yield Load(record.frame_id)
        timestamp_ns = yield Load(record.timestamp_ns)
        yield Fence()
        if (yield Load(record.sequence)) != sequence:
            return None
        if checks.same_frame and frame_id != newest.frame_id:
            return None
        if checks.same_frame and checks.same_time and timestamp_ns != newest.timestamp_ns:
            return None
        first, second = payload_words(kept.data, newest.slot)
        still = (
            (record.sequence, sequence)
            if checks.use_fence and checks.slot_again and checks.after_use
            else None
        )
        payload = ((yield Load(first, still=still)), (yield Load(second, still=still)))
        if checks.use_fence:
            yield Fence()
        if checks.slot_again and checks.after_use:
            if (yield Load(record.sequence)) != sequence:
                return None
            if (yield Load(record.frame_id)) != frame_id:
                return None
        return payload


class PreadReader(_Reader):
    """Reads with preads: ``read()`` and ``pixels()`` of ruth/export/ring_reader.py."""

    def _take(self, export: ExportWords, kept: Kept) -> Generator[Asked, Value, Newest | Ended[Kept]]:
        checks, record = self._checks, export.newest
        words = (record.frame_id, record.timestamp_ns, record.data_offset, export.epoch, record.geometry)
        if checks.three_preads:
            sequence, fields = yield from self._taken_between(record.sequence, words, kept)
        else:
            sequence, fields = yield from self._agreed_on(record.sequence, words, kept)
        if fields is None:
            return Ended(kept)
        frame_id, timestamp_ns, slot, epoch, geometry = fields
        if checks.epoch and epoch != kept.epoch:
            return Ended(Kept())
        if not checks.geometry_inside:
            geometry = kept.geometry
        return Newest(sequence, frame_id, timestamp_ns, slot, geometry)

    def _taken_between(
        self, sequence_word: Word, words: tuple[Word, ...], kept: Kept
    ) -> Generator[Asked, Value, tuple[int, tuple[Value, ...] | None]]:
        """The fields by one pread, between two that take the sequence."""
        checks = self._checks
        (sequence,) = yield Pread((sequence_word,), fenced=checks.newest_acquire)
        if (checks.even and sequence % 2) or sequence in (0, kept.given):
            return sequence, None
        if not checks.newest_again:
            return sequence, (yield Pread(words, fenced=checks.newest_fence))
        fields = yield Pread(words, still=(sequence_word, sequence), fenced=checks.newest_fence)
        (again,) = yield Pread((sequence_word,))
        return sequence, fields if again == sequence else None

    def _agreed_on(
        self, sequence_word: Word, words: tuple[Word, ...], kept: Kept
    ) -> Generator[Asked, Value, tuple[int, tuple[Value, ...] | None]]:
        """All of it by two preads that must return the same."""
        first = yield Pread((sequence_word, *words))
        sequence = first[0]
        if sequence % 2 or sequence in (0, kept.given):
            return sequence, None
        second = yield Pread((sequence_word, *words), only=first)
        return sequence, second[1:] if second == first else None

    def _use(
        self, export: ExportWords, newest: Newest, kept: Kept
    ) -> Generator[Asked, Value, tuple[Value, Value] | None]:
        return (yield from self._pixels(export, newest.slot, newest.frame_id, newest.timestamp_ns, kept.data))

    def _pixels(
        self, export: ExportWords, slot: int, frame_id: int, timestamp_ns: int, data: int
    ) -> Generator[Asked, Value, tuple[Value, Value] | None]:
        """Takes a slot's record, uses its pixels, and takes it again: as before, or not that frame."""
        checks, record = self._checks, export.slots[slot]
        words = (record.sequence, record.frame_id, record.timestamp_ns)
        wanted: list[int | None] = [frame_id, timestamp_ns if checks.same_time else None]
        if not checks.same_frame:
            wanted = [None, None]
        before = yield Pread(words, only=(None, *wanted), fenced=checks.slot_acquire)
        if any(want not in (None, found) for want, found in zip(wanted, before[1:], strict=True)):
            return None
        sequence = before[0]
        if sequence == 0 or (checks.even and sequence % 2):
            return None
        used = payload_words(data, slot)
        rechecked = checks.slot_again and checks.after_use
        still = (record.sequence, sequence) if rechecked else None
        payload = None
        if checks.after_use:
            payload = yield Pread(used, still, fenced=checks.use_fence)
        again = yield Pread(words, only=before if rechecked else None)
        if payload is None:
            payload = yield Pread(used)
        if checks.slot_again and again != before:
            return None
        return payload[0], payload[1]


class WalkingReader(PreadReader):
    """Takes what came before the newest as well: ``between()`` of ruth/export/ring_reader.py.

    A frame is accepted with its id and time; the pixels of each are another reader's.
    """

    def _poll(self, kept: Kept) -> Poll[Kept]:
        export = export_words(kept.meta, self._slot_count)
        newest = yield from self._take(export, kept)
        if isinstance(newest, Ended):
            return newest
        frames: list[tuple[int, Value]] = []
        if kept.taken != NONE and newest.frame_id - kept.taken > 1:
            frames = yield from self._between(export, kept, newest.frame_id)
        accepted, problem = [], None
        for frame_id, timestamp_ns in [*frames, (newest.frame_id, newest.timestamp_ns)]:
            found = newest._replace(frame_id=frame_id, timestamp_ns=timestamp_ns)
            problem = problem or self._taken_problem(found, kept)
            kept = kept._replace(given=newest.sequence, taken=frame_id)
            accepted.append((kept.epoch, frame_id))
        return Ended(kept, tuple(accepted), problem)

    def _between(
        self, export: ExportWords, kept: Kept, newest_id: int
    ) -> Generator[Asked, Value, list[tuple[int, Value]]]:
        """The records of all slots by three preads, the last of which takes the epoch too."""
        checks = self._checks
        ids = range(max(kept.taken + 1, newest_id - self._slot_count + 1), newest_id)
        slots = [export.slots[frame_id % self._slot_count] for frame_id in ids]
        sequences = tuple(slot.sequence for slot in slots)
        before = (yield Pread(sequences, fenced=checks.walk_acquire)) if checks.slot_before else None
        fields = yield Pread(
            tuple(word for slot in slots for word in (slot.sequence, slot.frame_id, slot.timestamp_ns)),
            fenced=checks.walk_fence,
        )
        *again, epoch = yield Pread((*sequences, export.epoch))
        if checks.walk_epoch and epoch != kept.epoch:
            return []
        found = []
        for place, frame_id in enumerate(ids):
            sequence, found_id, timestamp_ns = fields[3 * place : 3 * place + 3]
            if before is not None and before[place] != sequence:
                continue
            if checks.slot_again and again[place] != sequence:
                continue
            if sequence == 0 or (checks.even and sequence % 2):
                continue
            if found_id == frame_id or not checks.same_frame:
                found.append((found_id, timestamp_ns))
        return found


class FindingReader(PreadReader):
    """Looks for a frame that another process took: ``find()`` of ruth/export/ring_reader.py."""

    def __init__(self, slot_count: int, wanted: Iterable[tuple[int, int]], checks: Checks = CHECKS) -> None:
        """Looks for any of ``wanted``, (epoch, frame_id), in any order."""
        super().__init__(slot_count, checks)
        self._wanted = tuple(wanted)

    def polls(self, kept: Kept) -> dict[str, Poll[Kept]]:
        """Whatever it keeps, it may look for any frame of the epoch that it is bound to."""
        polls = {"bind": self._bind(kept)}
        for epoch, frame_id in self._wanted if kept.meta else ():
            if epoch == kept.epoch:
                polls[f"find {frame_id} of epoch {epoch}"] = self._find(kept, frame_id)
        return polls

    def _find(self, kept: Kept, frame_id: int) -> Poll[Kept]:
        export = export_words(kept.meta, self._slot_count)
        frame = (kept.epoch, frame_id)
        slot = frame_id % self._slot_count
        payload = yield from self._pixels(export, slot, frame_id, timestamp_of(*frame), kept.data)
        if payload is None:
            return Ended(kept)
        problem = None if payload == (frame, frame) else f"accepted {payload} as the pixels of frame {frame}"
        return Ended(kept, (frame,), problem)
