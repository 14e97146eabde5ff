"""Version 1: a header is never paired with another frame's pixels (docs/frame-export.md, section 6)."""

from __future__ import annotations

import itertools
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from doubles.frozen_vas import Version1Writer
from ruth.export.nv12 import nv12_views
from ruth.export.outcome import Fresh
from ruth.export.pairing import MADE_BETWEEN_MAX, belongs
from ruth.export.source import ExportSource

if TYPE_CHECKING:
    from conftest import Roots

FRAMES = 3
STEPS = 4 * FRAMES


def folder_of(roots: Roots) -> Path:
    """The folder of camera "a"."""
    folder = roots.export / "a"
    folder.mkdir(parents=True)
    return folder


def paired(source: ExportSource, fresh: Fresh) -> int | None:
    """The frame id that the pixels say they are of; None if the pair was refused."""
    pixels = source.pixels(fresh)
    if pixels is None:
        return None
    with pixels:
        views = nv12_views(pixels.memory, pixels.record)
        values = set(views.nv12.flat)
        del views
        assert pixels.intact()
    assert len(values) == 1
    return int(values.pop())


@pytest.mark.parametrize(("before", "between"), list(itertools.product(range(STEPS + 1), repeat=2)))
def test_every_interleaving(roots: Roots, before: int, between: int) -> None:
    """Whatever steps come before the header is opened, and whatever come before the data: no false pair."""
    writer = Version1Writer(folder_of(roots))
    steps = [step for frame in range(FRAMES) for step in writer.steps(frame, 1000 + frame)]
    for step in steps[:before]:
        step()
    with ExportSource(str(roots.export), "a") as source:
        outcome = source.try_read()
        for step in steps[before : before + between]:
            step()
        if isinstance(outcome, Fresh):
            assert paired(source, outcome) in {None, outcome.record.frame_id}


def test_a_whole_frame_is_paired(roots: Roots) -> None:
    """After the fourth step of a frame, and before the second one of the next, its pixels are given."""
    writer = Version1Writer(folder_of(roots))
    with ExportSource(str(roots.export), "a") as source:
        for frame in range(FRAMES):
            writer.write(frame, 1000 + frame)
            writer.steps(frame + 1, 0)[0]()
            outcome = source.try_read()
            assert isinstance(outcome, Fresh)
            assert paired(source, outcome) == frame


@pytest.mark.parametrize("dies_after", range(1, 5))
def test_a_writer_killed_and_started_again(roots: Roots, dies_after: int) -> None:
    """A writer killed after any step, and the next session's first frame, give no false pair."""
    folder = folder_of(roots)
    writer = Version1Writer(folder)
    writer.write(7, 1000)
    for step in writer.steps(8, 1001)[:dies_after]:
        step()
    with ExportSource(str(roots.export), "a") as source:
        for step in (lambda: None, *Version1Writer(folder).steps(0, 1002)):
            step()
            outcome = source.try_read()
            if isinstance(outcome, Fresh):
                assert paired(source, outcome) in {None, outcome.record.frame_id}
        assert source.session == 2


def test_pixels_stay_while_the_writer_goes_on(roots: Roots) -> None:
    """Pixels once paired are those of their frame for as long as they are held."""
    writer = Version1Writer(folder_of(roots))
    writer.write(0, 1000)
    with ExportSource(str(roots.export), "a") as source:
        outcome = source.try_read()
        assert isinstance(outcome, Fresh)
        pixels = source.pixels(outcome)
        assert pixels is not None
        for frame in range(1, 20):
            writer.write(frame, 1000 + frame)
        shutil.rmtree(writer.folder)
        assert set(pixels.memory[:]) == {0}
        assert pixels.intact()
        pixels.close()


def on_tmpfs(path: Path) -> bool:
    """Whether a path lies on a tmpfs, by the table of mounts."""
    device = os.stat(path).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    lines = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return any(fields[2] == number and fields[fields.index("-") + 1] == "tmpfs" for fields in lines)


def test_elsewhere_than_on_a_tmpfs_pixels_are_refused(tmp_path: Path) -> None:
    """Where inode numbers say nothing about order, headers can be read and pixels cannot be had."""
    if on_tmpfs(tmp_path):
        pytest.skip("this machine has no folder for tests that is not on a tmpfs")
    folder = tmp_path / "a"
    folder.mkdir()
    Version1Writer(folder).write(0, 1000)
    with ExportSource(str(tmp_path), "a") as source:
        outcome = source.try_read()
        assert isinstance(outcome, Fresh)
        assert source.pixels(outcome) is None


@pytest.mark.parametrize(
    ("meta_inode", "data_inode", "expected"),
    [
        (11, 10, True),
        (10, 11, False),
        (10, 10, False),
        (10 + MADE_BETWEEN_MAX - 1, 10, True),
        (10 + MADE_BETWEEN_MAX, 10, False),
        (1, 2**32 - 1, True),
        (2**32 - 1, 1, False),
        (2**32 + 1, 2**32 - 1, True),
        (2**40, 2**40 + 1, False),
        (1, 2**40, False),
    ],
)
def test_belongs(meta_inode: int, data_inode: int, expected: bool) -> None:
    """The header's file must be made after the data's, and soon after, also where numbers wrap."""
    assert belongs(meta_inode, data_inode) is expected
