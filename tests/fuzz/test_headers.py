from __future__ import annotations

import gc
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest

from fuzz.exports_read import HEAD_V1, HEAD_V2, BoundRing, NewReader, NewReaderOfVersion1, RenamedPair
from fuzz.mutation import mutated
from harness.open_descriptors import left_of
from ruth.export.layout import RECORD_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Roots

MakesBench: TypeAlias = type[BoundRing] | type[RenamedPair] | type[NewReader]
SLOT_RECORDS = 50_000  # with these, the headers below are a million
HEADERS: dict[str, tuple[MakesBench, bytes, int]] = {
    "a bound ring": (BoundRing, HEAD_V2, 500_000),
    "version 1, directory open": (RenamedPair, HEAD_V1, 350_000),
    "a new reader of version 2": (NewReader, HEAD_V2, 50_000),
    "a new reader of version 1": (NewReaderOfVersion1, HEAD_V1, 50_000),
}
MEMORY = 4 * 2**20  # bytes: what the smallest object a header would come to is three times that


@pytest.fixture
def camera(roots: Roots) -> Iterator[Path]:
    """An empty directory of a camera."""
    path = roots.export / "front-door"
    path.mkdir(parents=True)
    yield path
    assert left_of(path) == []


def resident_bytes() -> int:
    """Memory of this process that is really there."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def share(found: Counter[str], kind: str) -> float:
    """Which part of the headers came to that."""
    return found[kind] / found.total()


@pytest.mark.soak
@pytest.mark.parametrize("name", HEADERS)
def test_mutated_headers_do_no_harm(
    camera: Path, soaking: bool, brief: bool, name: str, record_property: Callable[[str, object], None]
) -> None:
    """Of a million mutated headers none raises or leads outside its slot, and nothing piles up.

    Enough of them are accepted, and enough refused, for that to mean something. The longer form has ten
    times as many, the shortest a tenth.
    """
    make, header, count = HEADERS[name]
    count = count * 10 if soaking else count // 10 if brief else count
    bench, found, memory = make(camera), Counter[str](), 0
    held = len(left_of(camera))
    for number, content in enumerate(mutated(header, count, seed=len(header))):
        found[type(bench(content)).__name__] += 1
        if number == count // 10:
            memory = resident_bytes()
    assert resident_bytes() - memory < MEMORY
    assert len(left_of(camera)) <= held
    bench.close()
    print(f"{name}: {count} headers, {dict(found)}")  # noqa: T201 - shown with -rP
    record_property("headers", count)
    assert share(found, "Absent") > 0.2
    assert share(found, "FrameRecord") + share(found, "Fresh") > 0.02


def test_mutated_slot_records_do_no_harm(camera: Path) -> None:
    """The same for the records of slots, which runtimes look for frames in."""
    bench, found = BoundRing(camera), 0
    record = HEAD_V2[:RECORD_SIZE]
    memory = resident_bytes()
    for content in mutated(record, SLOT_RECORDS, seed=3):
        found += bench.find(content)
    assert resident_bytes() - memory < MEMORY
    bench.close()
    assert SLOT_RECORDS / 50 < found < SLOT_RECORDS / 2


def test_mutations_reach_every_field() -> None:
    """Each byte of a header takes many values, and few headers stay as they were."""
    seen = [set[int]() for _ in HEAD_V2]
    unchanged = 0
    for content in mutated(HEAD_V2, 20_000, seed=1):
        unchanged += content == HEAD_V2
        for values, byte in zip(seen, content, strict=True):
            values.add(byte)
    assert unchanged < 2000  # a value may be the one that was there
    assert min(map(len, seen)) > 20


def test_the_same_seed_gives_the_same_headers() -> None:
    """A failure can be had again."""
    first, second = (list(mutated(HEAD_V1, 100, seed=5)) for _ in range(2))
    assert first == second
    assert first != list(mutated(HEAD_V1, 100, seed=6))
