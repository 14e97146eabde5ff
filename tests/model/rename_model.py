"""Version 1 as system calls: files made in order, renamed one after the other, and opened by a reader.

What can be met is the files that the two names lead to. A file once opened never changes: what is opened
again and cut is a temporary file, which no reader opens. System calls keep their order, so only the moment of
each matters. Whether a pair belongs together is asked of the product's own rule,
``ruth.export.pairing.belongs``, with real numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from model.memory import X86, History, Load, Store
from model.search import Ended

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from model.search import Poll

META: Final = "frame.meta"
DATA: Final = "frame.data"
INODES: Final = 2**32  # of a tmpfs mounted with inode32: the number after the last is 1

Belongs: TypeAlias = "Callable[[int, int], bool]"


class File(NamedTuple):
    """A file as it is under its name: its inode number, and the session and id of its frame."""

    inode: int
    session: int
    frame_id: int


class Habits(NamedTuple):
    """What writer and reader keep to; each can be broken.

    Attributes:
        data_first: frame.data is put in place before frame.meta.
        data_made_first: And made before it.
        meta_made_early: frame.meta is made before frame.data is put in place: it needs a name of its own.
        one_name: Both files are made under one temporary name, as the frozen VAS does; else under two.
        opened_again: What is under a temporary name is opened again, as the frozen VAS does; else it is
            unlinked first.
        meta_opened_first: The reader opens frame.meta before frame.data.

    """

    data_first: bool = True
    data_made_first: bool = True
    meta_made_early: bool = False
    one_name: bool = True
    opened_again: bool = True
    meta_opened_first: bool = True


HABITS: Final = Habits()


class Tmpfs:
    """Numbers files in the order in which they are made, from ``first`` on."""

    def __init__(self, first: int, *, inode32: bool) -> None:
        self._next = first
        self._inode32 = inode32

    def make(self, frame: tuple[int, int]) -> File:
        """A new file of one frame."""
        file = File(self._next, *frame)
        self.make_others(1)
        return file

    def make_others(self, count: int) -> None:
        """Files of others on the same tmpfs take numbers, too."""
        self._next += count
        if self._inode32 and self._next >= INODES:
            self._next -= INODES - 1


class Folder:
    """A camera's directory as its writers see it: what is under the temporary names."""

    def __init__(self, tmpfs: Tmpfs, habits: Habits = HABITS) -> None:
        self._tmpfs = tmpfs
        self._habits = habits
        self._left: dict[str, File] = {}

    def make(self, name: str, frame: tuple[int, int]) -> None:
        """Opens the temporary file for ``name``, cuts it and fills it."""
        temporary = self._temporary(name)
        left = self._left.get(temporary)
        if left is not None and self._habits.opened_again:
            self._left[temporary] = left._replace(session=frame[0], frame_id=frame[1])
        else:
            self._left[temporary] = self._tmpfs.make(frame)

    def made(self, name: str) -> File:
        """The temporary file for ``name``."""
        return self._left[self._temporary(name)]

    def put_in_place(self, name: str) -> None:
        """Renames it."""
        del self._left[self._temporary(name)]

    def _temporary(self, name: str) -> str:
        return "frame.tmp" if self._habits.one_name else f"{name}.tmp"


def session(
    number: int,
    frames: int,
    tmpfs: Tmpfs,
    folder: Folder,
    between: int = 0,
    habits: Habits = HABITS,
    fails: frozenset[tuple[int, str]] = frozenset(),
) -> Iterator[Store | None]:
    """One writer from its start, before each of its steps: what it puts in place, and None for making a file.

    Args:
        number: Of the session, from 1.
        frames: How many frames.
        tmpfs: Where.
        folder: What writers have left there.
        between: How many files others make between any two of ours.
        habits: What it keeps to.
        fails: Frames and names of files that cannot be filled: the frame is given up there, the file left.

    """
    for frame_id in range(frames):
        made = [DATA, META] if habits.data_made_first else [META, DATA]
        placed = [DATA, META] if habits.data_first else [META, DATA]
        early = made if made != placed or habits.meta_made_early else []
        for name in early:
            yield None
            tmpfs.make_others(between)
            folder.make(name, (number, frame_id))
        for name in placed:
            if name not in early:
                yield None
                tmpfs.make_others(between)
                folder.make(name, (number, frame_id))
                if (frame_id, name) in fails:
                    break
            yield Store(f"{name} put in place", name, folder.made(name), frame=(number, frame_id))
            folder.put_in_place(name)


def history(
    tmpfs: Tmpfs,
    lives: list[tuple[int, int | None]],
    between: int = 0,
    before_second: int = 0,
    habits: Habits = HABITS,
    fails: frozenset[tuple[int, str]] = frozenset(),
) -> History:
    """Several sessions, each of so many frames, killed after so many steps if that is given.

    Args:
        tmpfs: Where.
        lives: Frames and steps of each session.
        between: How many files others make between any two of ours.
        before_second: How many they make before the second session.
        habits: What writers keep to.
        fails: In each session, frames and names of files that cannot be filled.

    """
    stores: list[Store] = []
    folder = Folder(tmpfs, habits)
    for number, (frames, dies_after) in enumerate(lives, 1):
        tmpfs.make_others(before_second if number == 2 else 0)
        for done, step in enumerate(session(number, frames, tmpfs, folder, between, habits, fails)):
            if done == dies_after:
                break
            if step is not None:
                stores.append(step)
    return History(X86, {META: None, DATA: None}, stores)


class Kept(NamedTuple):
    """What a reader keeps: the frame it took last."""

    session: int = 0
    frame_id: int = -1


class RenameModelReader:
    """``read()`` and ``pixels()`` of ruth/export/rename_reader.py."""

    def __init__(self, belongs: Belongs, habits: Habits = HABITS) -> None:
        self._belongs = belongs
        self._habits = habits

    @property
    def start(self) -> Kept:
        """It has taken none."""
        return Kept()

    def polls(self, kept: Kept) -> dict[str, Poll[Kept]]:
        """It only looks."""
        return {"poll": self._poll(kept)}

    def _poll(self, kept: Kept) -> Poll[Kept]:
        opened: dict[str, File] = {}
        for name in (META, DATA) if self._habits.meta_opened_first else (DATA, META):
            file = yield Load(name)
            if file is None:
                return Ended(kept)
            assert isinstance(file, File)
            opened[name] = file
        meta, data = opened[META], opened[DATA]
        taken = Kept(meta.session, meta.frame_id)
        if taken < kept:
            return Ended(kept, problem=f"took frame {taken} after frame {kept}")
        if not self._belongs(meta.inode, data.inode):
            return Ended(taken)
        if data[1:] != meta[1:]:
            return Ended(taken, problem=f"accepted the pixels of {data} as those of {meta}")
        return Ended(taken, ((meta.session, meta.frame_id),))
