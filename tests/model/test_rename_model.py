from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from model.rename_model import DATA, HABITS, INODES, META, Belongs, Habits, RenameModelReader, Tmpfs, history
from model.search import Found, Search
from ruth.export.pairing import MADE_BETWEEN_MAX, belongs

if TYPE_CHECKING:
    from model.memory import History

FRAMES = 5
STEPS = 4 * FRAMES  # of a session: two files made, two put in place, for each frame
FIRST = 5


def searched(made: History, rule: Belongs = belongs, habits: Habits = HABITS) -> Found:
    """What a reader that goes by ``rule`` comes to."""
    return Search(RenameModelReader(rule, habits))(made)


def published(made: History) -> set[tuple[int, int] | None]:
    """The frames whose header was put in place."""
    return {store.frame for store in made.stores if store.word == "frame.meta"}


@pytest.mark.parametrize("between", [0, 3, MADE_BETWEEN_MAX - 2], ids=["alone", "with others", "with many"])
@pytest.mark.parametrize("first", [FIRST, INODES - 9], ids=["", "wrapping"])
@pytest.mark.parametrize("opened_again", [True, False], ids=["as VAS does", "made again"])
def test_no_pair_is_ever_wrong_and_each_can_be_met(first: int, between: int, opened_again: bool) -> None:
    """Wherever a writer dies and another begins again, a pair that the rule accepts is of one frame.

    Every frame whose header was put in place can be accepted, however many files others make meanwhile, where
    the numbers of a tmpfs mounted with inode32 start again, and where a temporary file that the dead writer
    left half-written is opened again and becomes the next one's first.
    """
    habits = Habits(opened_again=opened_again)
    states = 0
    for dies_after in range(STEPS + 1):
        made = history(
            Tmpfs(first, inode32=True), [(FRAMES, dies_after), (FRAMES, None)], between, habits=habits
        )
        found = searched(made, habits=habits)
        assert found.trace == ()
        # What was left long ago has a number beyond the bound.
        refused = {(2, 0)} if opened_again and between > MADE_BETWEEN_MAX // 2 else set()
        assert published(made) - found.accepted <= refused
        states += found.states
    print(f"{STEPS + 1} histories, {states} states")  # noqa: T201 - shown with -rP


@pytest.mark.parametrize("name", [META, DATA])
@pytest.mark.parametrize("frame_id", range(FRAMES - 1))
def test_a_frame_that_was_given_up_spoils_no_other(name: str, frame_id: int) -> None:
    """Where a full tmpfs leaves a half-written frame.tmp, the next frame is written into it, and paired."""
    made = history(Tmpfs(FIRST, inode32=False), [(FRAMES, None)], fails=frozenset({(frame_id, name)}))
    found = searched(made)
    assert found.trace == ()
    assert found.accepted == published(made) == {(1, n) for n in range(FRAMES) if n != frame_id}


def test_two_temporary_names_that_are_opened_again_cost_a_frame_at_most() -> None:
    """A writer with a name for each file, opened again: an old header file is refused, never mispaired."""
    habits = Habits(one_name=False)
    for dies_after in range(STEPS + 1):
        made = history(Tmpfs(FIRST, inode32=False), [(FRAMES, dies_after), (FRAMES, None)], habits=habits)
        found = searched(made, habits=habits)
        assert found.trace == ()
        assert published(made) - found.accepted <= {(2, 0)}


def test_a_file_left_long_ago_costs_a_frame_at_most() -> None:
    """Its number is far below that of the header beside it, beyond the bound: that frame is refused."""
    made = history(Tmpfs(FIRST, inode32=False), [(FRAMES, 1), (FRAMES, None)], before_second=MADE_BETWEEN_MAX)
    found = searched(made)
    assert (found.trace, published(made) - found.accepted) == ((), {(2, 0)})


DEFECTS = {
    "any pair is used": (HABITS, lambda *_: True),
    "header put in place before its data": (Habits(data_first=False, one_name=False), belongs),
    "data opened before its header": (Habits(meta_opened_first=False), belongs),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_seeded_defect_is_caught(name: str) -> None:
    """A habit that is left out gives one frame's pixels out as another's, and the search says how."""
    habits, rule = DEFECTS[name]
    found = searched(history(Tmpfs(FIRST, inode32=False), [(FRAMES, None)], habits=habits), rule, habits)
    print("\n".join(found.trace))  # noqa: T201 - shown with -rP
    assert found.trace
    assert found.trace[-1].startswith("accepted")


def test_a_header_made_before_its_data_is_never_paired() -> None:
    """A writer that makes frame.meta first gives no reader anything: the check of every frame says so."""
    habits = Habits(data_made_first=False, one_name=False)
    found = searched(history(Tmpfs(FIRST, inode32=False), [(FRAMES, None)], habits=habits), habits=habits)
    assert (found.trace, found.accepted) == ((), frozenset())


def test_it_does_not_matter_when_the_header_is_made() -> None:
    """Made before its data is put in place, but after that was made, a header is paired all the same."""
    tmpfs = Tmpfs(FIRST, inode32=False)
    early = history(tmpfs, [(FRAMES, None)], habits=Habits(meta_made_early=True, one_name=False))
    found = searched(early)
    assert found.trace == ()
    assert found.accepted == published(early)


def paused(files: int, *, inode32: bool) -> History:
    """Two sessions; in between, where a reader may be between its two opens, others make ``files`` files."""
    tmpfs = Tmpfs(FIRST, inode32=inode32)
    return history(tmpfs, [(1, None), (1, None)], before_second=files)


@pytest.mark.parametrize("files", [INODES - MADE_BETWEEN_MAX - 4, INODES - 3])
def test_a_wrap_between_two_opens_needs_that_many_files(files: int) -> None:
    """Numbers of 32 bits deceive only who is paused between two opens while nearly 2^32 files are made."""
    deceived = searched(paused(files, inode32=True)).trace != ()
    assert deceived is (files > INODES - MADE_BETWEEN_MAX)
    assert searched(paused(files, inode32=False)).trace == ()
