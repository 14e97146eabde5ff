from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, NamedTuple

import pytest

import ruth.vas.ring
from conftest import PROJECT
from model.memory import RELEASE, X86, History, Store
from model.ring_readers import NONE, Kept, Newest, PreadReader
from model.ring_writer import Writer, timestamp_of
from model.walk import DATA, META, RealStore, WalkedRing, payload_value, word_of
from ruth.export.files import open_export_directory, open_export_file
from ruth.export.layout import FrameRecord
from ruth.export.outcome import Fresh
from ruth.export.ring_reader import RingReader
from ruth.export.source import ExportSource
from ruth.vas.ring import FrameRing

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from conftest import Roots
    from model.memory import Value
    from model.search import Asked, Ended

SLOTS, SLOT_SIZE = 2, 4096
FRAMES = SLOTS + 3


@pytest.fixture
def camera(roots: Roots) -> Path:
    """A camera's directory."""
    return roots.export / "front-door"


def model_history(frames: int = FRAMES) -> History:
    """The model's writer, of as many frames, to its end."""
    writer = Writer(SLOTS)
    return History(X86, writer.initial, [*writer.live(frames), *writer.close()])


def walked(camera: Path, hook: Callable[[RealStore], None]) -> WalkedRing:
    """A real writer of that camera."""
    return WalkedRing(FrameRing(str(camera), 16, 8, 16, SLOTS), SLOT_SIZE, hook)


def stores_of(camera: Path) -> list[RealStore]:
    """All stores of a real writer, of as many frames, to its end."""
    recorded: list[RealStore] = []
    writer = walked(camera, recorded.append)
    for _ in range(FRAMES):
        writer.publish()
    writer.close()
    return recorded


class Moment(NamedTuple):
    """When a pread meets its words: after so many stores; the newest sequence may be met at another time."""

    sequence: int
    others: int


def at(moments: Iterator[Moment], history: History, poll: Generator[Asked, Value, Value]) -> Value:
    """What a reader of the model comes to, if its preads meet their words at these moments."""
    value: Value = None
    newest = Writer(SLOTS).export.newest.sequence
    try:
        asked = next(poll)
        while True:
            moment = next(moments)
            words = asked.words  # type: ignore[union-attr]
            value = tuple(history.value_at(word, moment[word != newest]) for word in words)
            asked = poll.send(value)
    except StopIteration as end:
        return end.value


def whole(*moments: int) -> Iterator[Moment]:
    """Preads that each meet all their words at one moment."""
    return (Moment(moment, moment) for moment in moments)


# --- names ------------------------------------------------------------------------------------------------


def test_code_and_model_name_the_same_steps() -> None:
    """The steps of publishing have the same names and order in ruth/vas/ring.py and in the model."""
    line = r"^ {4}(?:\w+\(\))? +(\d) {2}(.+?)(?: {2,}.*)?$"
    code = re.findall(line, ruth.vas.ring.__doc__ or "", re.MULTILINE)
    model = [step.step for step in Writer(SLOTS).publish() if isinstance(step, Store)]
    assert [number for number, _ in code] == [str(number) for number in range(1, 10)]
    assert [name for _, name in code] == [*dict.fromkeys(model), "futex wake"]


def test_document_and_model_have_the_same_steps() -> None:
    """The table of docs/frame-export.md has the model's steps, in its order."""
    page = (PROJECT / "docs" / "frame-export.md").read_text(encoding="utf-8")
    publishing = page[page.index("**Publishing frame n**") : page.index("Each field is stored with")]
    rows = re.findall(r"^\| (\d) \| (.+) \|$", publishing, re.MULTILINE)
    model = [step for step in Writer(SLOTS).publish() if isinstance(step, Store)]
    assert [number for number, _ in rows] == [str(number) for number in range(1, 10)]
    for (_, row), name in zip(rows, dict.fromkeys(step.step for step in model), strict=False):
        words = {step.word.rsplit(maxsplit=1)[-1] for step in model if step.step == name}
        assert set(name.replace("fields", "").replace("+ 1", "").split()) <= set(re.findall(r"\w+", row)), row
        assert name == "payload" or words <= set(re.findall(r"\w+", row)), row


# --- stores -----------------------------------------------------------------------------------------------


def test_the_real_writer_stores_what_the_model_stores(camera: Path) -> None:
    """Every store of the real writer, from the first frame to the end, is the model's next one."""
    history = model_history()
    export = Writer(SLOTS).export
    real = [word_of(store, export, SLOT_SIZE) for store in stores_of(camera)]
    assert real == [(store.word, store.value) for store in history.stores]


def test_the_real_writer_has_a_fence_where_the_model_has_one(
    camera: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that keeps no order: at each fence of the model, and before each of its release stores."""
    noted: list[object] = []
    monkeypatch.setattr(ruth.vas.ring, "release_fence", lambda: noted.append("fence"))
    writer = walked(camera, noted.append)
    for _ in range(FRAMES):
        writer.publish()
    writer.close()
    export, model = Writer(SLOTS).export, Writer(SLOTS)
    expected: list[object] = []
    for step in (*model.live(FRAMES), *model.close()):
        if not isinstance(step, Store) or step.order == RELEASE:
            expected.append("fence")
        if isinstance(step, Store):
            expected.append((step.word, step.value))
    assert [
        word_of(one, export, SLOT_SIZE) if isinstance(one, RealStore) else one for one in noted
    ] == expected


def test_between_any_two_stores_real_readers_answer_as_the_model(roots: Roots, camera: Path) -> None:
    """After each store of the real writer, a reader that has just come and one that stays look at it.

    Both find what the model's readers find in a poll that no store interrupts: the same frame and pixels, or
    none.
    """
    history, model = model_history(), PreadReader(SLOTS)
    staying = ExportSource(str(roots.export), camera.name)
    kept = [model.start]
    moments: list[tuple[RealStore, int]] = []
    accepted: list[list[int]] = [[], []]

    def poll(_: RealStore) -> None:
        moments.append((_, len(moments) + 1))
        moment = moments[-1][1]
        with ExportSource(str(roots.export), camera.name) as coming:
            for number, source in enumerate((coming, staying)):
                before = Kept(1, 1, 1) if number == 0 else kept[0]
                expected, after = model_answer(model, history, before, moment)
                assert real_answer(source) == expected, history.stores[moment - 1]
                if number:
                    kept[0] = after
                if expected is not None:
                    accepted[number].append(expected[0])

    kept[0] = Kept(1, 1, 1)
    writer = walked(camera, poll)
    with staying:
        for _ in range(FRAMES):
            writer.publish()
        writer.close()
    assert len(moments) == len(history.stores)
    assert set(accepted[0]) == set(accepted[1]) == set(range(FRAMES))
    assert len(accepted[1]) == FRAMES


def model_answer(
    model: PreadReader, history: History, kept: Kept, moment: int
) -> tuple[tuple[int, int, object] | None, Kept]:
    """Id, time and payload of what one poll accepts, all of it at one moment, and what is kept."""
    ended: Ended[Kept] = at(whole(*[moment] * 9), history, model.polls(kept)["poll"])
    assert ended.problem is None
    if not ended.accepted:
        return None, ended.kept
    ((epoch, frame_id),) = ended.accepted
    return (frame_id, timestamp_of(epoch, frame_id), ((epoch, frame_id),) * 2), ended.kept


def real_answer(source: ExportSource) -> tuple[int, int, object] | None:
    """The same, by a real reader."""
    outcome = source.try_read()
    if not isinstance(outcome, Fresh):
        return None
    pixels = source.pixels(outcome)
    if pixels is None:
        return None
    payload = payload_at(pixels.memory, outcome.record)
    if not pixels.intact():
        return None
    return outcome.record.frame_id, outcome.record.timestamp_ns, payload


def payload_at(memory: object, record: FrameRecord) -> tuple[tuple[int, int], ...]:
    """The two words of a frame's payload."""
    with memoryview(memory) as whole, whole[record.data_offset :][:16].cast("Q") as words:  # type: ignore[arg-type]
        return tuple(payload_value(word) for word in words)


# --- interrupted polls ------------------------------------------------------------------------------------


class Replayed:
    """A copy of an export, in which the stores of a real writer are done one by one, as far as one likes."""

    def __init__(self, camera: Path, stores: list[RealStore], empty: dict[str, bytes]) -> None:
        camera.mkdir(exist_ok=True)
        contents = {name: bytearray(content) for name, content in empty.items()}
        self._metas, self._payloads = [bytes(contents[META])], [bytes(contents[DATA])]
        for store in stores:
            contents[store.file][store.offset : store.offset + len(store.content)] = store.content
            self._metas.append(bytes(contents[META]))
            self._payloads.append(bytes(contents[DATA]))
        for name, content in empty.items():
            (camera / name).write_bytes(content)
        self._files = {name: os.open(camera / name, os.O_RDWR) for name in empty}
        directory = open_export_directory(str(camera))
        meta, _ = open_export_file(directory, META)
        header = bytearray(self._metas[0])
        header[80:88] = bytes(8)  # the copy's frame.data is another file than the one it names
        self._metas = [meta[:80] + bytes(8) + meta[88:] for meta in self._metas]
        self.go_to(Moment(0, 0))
        self.reader = RingReader(directory, meta, self._metas[0])
        os.close(directory)

    def go_to(self, moment: Moment) -> None:
        """Makes the files what a reader meets that meets its words at these moments."""
        meta = self._metas[moment.others]
        if moment.sequence != moment.others:
            meta = meta[:56] + self._metas[moment.sequence][56:64] + meta[64:]
        os.pwrite(self._files[META], meta, 0)
        os.pwrite(self._files[DATA], self._payloads[moment.others], 0)

    def close(self) -> None:
        """Releases all of it."""
        self.reader.close()
        for descriptor in self._files.values():
            os.close(descriptor)


@contextmanager
def going_on(replayed: Replayed, moments: Iterator[Moment]) -> Iterator[None]:
    """After each os.pread of this thread, the writer goes on to the next of the moments."""

    def watch(_: object, event: str, function: object) -> None:
        if event == "c_return" and function is os.pread:
            replayed.go_to(next(moments))

    replayed.go_to(next(moments))
    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(None)


@pytest.fixture
def replayed(camera: Path) -> Iterator[Replayed]:
    """The stores of a real writer, to be gone through again and again."""
    recorded: list[RealStore] = []
    writer = walked(camera, recorded.append)
    empty = {name: (camera / name).read_bytes() for name in (META, DATA)}
    for _ in range(FRAMES):
        writer.publish()
    writer.close()
    made = Replayed(camera, recorded, empty)
    yield made
    made.close()


POLLS: dict[str, tuple[int, Callable[..., tuple[Moment, Moment, Moment]]]] = {
    # Each pread meets one moment: anywhere in the whole of the writer's life.
    "between preads": (0, lambda a, b, c: (Moment(a, a), Moment(b, b), Moment(c, c))),
    # One pread meets the sequence first and its other words later, or last: in the time of two frames.
    "in the first, sequence first": (1, lambda a, b, c, d: (Moment(a, b), Moment(c, c), Moment(d, d))),
    "in the first, sequence last": (1, lambda a, b, c, d: (Moment(b, a), Moment(c, c), Moment(d, d))),
    "in the second, sequence first": (1, lambda a, b, c, d: (Moment(a, a), Moment(b, c), Moment(d, d))),
    "in the second, sequence last": (1, lambda a, b, c, d: (Moment(a, a), Moment(c, b), Moment(d, d))),
}


@pytest.mark.parametrize("name", POLLS)
def test_a_look_interrupted_anywhere_takes_what_the_model_takes(replayed: Replayed, name: str) -> None:
    """However far the writer goes on during a poll, between preads or within one, the answer is the model's.

    A poll during which the sequence changed leaves the wake word alone.
    """
    split, moments_of = POLLS[name]
    history, model, export = model_history(), PreadReader(SLOTS), Writer(SLOTS).export
    reader, taken, per_frame = replayed.reader, 0, len(history.stores) // FRAMES
    life = range(2 * per_frame, 4 * per_frame) if split else range(len(history.stores) - 1)
    for chosen in combinations_with_replacement(life, 3 + split):
        moments = moments_of(*chosen)
        reader.given, reader.wake = b"", -1
        with going_on(replayed, iter((*moments, moments[-1]))):
            outcome = reader.read()
        expected = at(iter(moments), history, model._take(export, Kept(1, 1, 1)))
        if isinstance(expected, Newest):
            taken += 1
            assert isinstance(outcome, FrameRecord), moments
            assert newest_of(outcome)[1:] == expected[1:4], moments
        else:
            assert not isinstance(outcome, FrameRecord), moments
        first, last = (
            history.value_at(export.newest.sequence, moment.sequence) for moment in (moments[0], moments[2])
        )
        assert (reader.wake == -1) is (first != last)
    assert taken > FRAMES


def newest_of(record: FrameRecord) -> tuple[int, int, int, int]:
    """A record in the model's terms."""
    return record.sequence, record.frame_id, record.timestamp_ns, record.data_offset // SLOT_SIZE


def test_pixels_used_at_any_moment_are_accepted_where_the_model_accepts_them(replayed: Replayed) -> None:
    """However far the writer goes on between taking a slot's record, using it, and taking it again."""
    history, model = model_history(), PreadReader(SLOTS)
    export = Writer(SLOTS).export
    accepted, last = 0, len(history.stores) - 2
    step = len(history.stores) // FRAMES
    for frame_id in range(FRAMES - 1):
        newest = Newest(2 * frame_id + 2, frame_id, timestamp_of(1, frame_id), frame_id % SLOTS, "geometry 1")
        record = FrameRecord(
            2, 0, frame_id, timestamp_of(1, frame_id), 16, 8, 0, 16, 192, frame_id % SLOTS * SLOT_SIZE, 0
        )
        first = step * (frame_id + 1) - 1
        for moments in combinations_with_replacement(range(first, min(last, first + 2 * step) + 1), 3):
            kept = Kept(1, 1, 1, newest.sequence, frame_id, NONE)
            expected = at(whole(*moments), history, model._use(export, newest, kept))
            found = used(replayed, record, moments)
            assert found == expected, (frame_id, moments)
            accepted += found is not None
    assert accepted > FRAMES


def used(replayed: Replayed, record: FrameRecord, moments: tuple[int, ...]) -> object:
    """The pixels of a frame, used while the writer goes on; None if they are not accepted."""
    taken, use, again = moments
    replayed.go_to(Moment(taken, taken))
    pixels = replayed.reader.pixels(record)
    if pixels is None:
        return None
    replayed.go_to(Moment(use, use))
    payload = payload_at(pixels.memory, record)
    with going_on(replayed, whole(again, again)):
        intact = pixels.intact()
    return payload if intact else None
