"""Which cameras' states have changed: one inotify descriptor over any number of them.

It watches the folder of each camera below the state root, and the root for folders that come. An agent tells
of each change by writing a byte of its state (docs/agent-state.md); a launch, a removal and a replaced file
are events of the folder. Where the root is missing, the nearest folder above it is watched until it is made.

An event says "look". When the kernel's queue has overflowed, or the root was replaced, all have to be looked
at.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from ruth.export.files import is_same_file
from ruth.identity import STATE_NAME, id_problem
from ruth.inotify import (
    ATTRIBUTES,
    CREATE,
    DELETE,
    DELETE_SELF,
    FOLLOW_NO_LINK,
    IGNORED,
    MODIFY,
    MOVE_SELF,
    MOVED_FROM,
    MOVED_TO,
    ONLY_DIRECTORY,
    OVERFLOW,
    UNMOUNT,
    Inotify,
    events_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_COMES: Final = CREATE | MOVED_TO | ATTRIBUTES
_GOES: Final = DELETE_SELF | MOVE_SELF | IGNORED | UNMOUNT
_ABOVE: Final = _COMES | DELETE_SELF | MOVE_SELF | ONLY_DIRECTORY
_ROOT: Final = _ABOVE | DELETE | MOVED_FROM
_FOLDER: Final = _ROOT | FOLLOW_NO_LINK
_STATE: Final = STATE_NAME.encode()


class Changes(NamedTuple):
    """What may have changed since the last time.

    Attributes:
        changed: Cameras to be looked at, in the order in which they were heard of.
        replaced: Those of them whose file may be another one, or gone.
        all: Whether all that are known have to be looked at, as all of them may have been replaced.

    """

    changed: dict[str, None]
    replaced: set[str]
    all: bool


class StateFolders:
    """Watches the states of cameras.

    Args:
        root: Folder of all states; it need not exist.
        cameras: Ids of those that are of interest; None for all.

    Raises:
        OSError: No inotify instance is left for this user, no descriptor for this process, or no watch.

    """

    __slots__ = (
        "_by_watch",
        "_inotify",
        "_masks",
        "_named",
        "_place",
        "_root",
        "_root_identity",
        "_root_watch",
        "_watches",
    )

    def __init__(self, root: str, cameras: Iterable[str] | None) -> None:
        self._root = os.path.abspath(root)
        self._named = None if cameras is None else dict.fromkeys(cameras)
        try:
            self._inotify = Inotify()
        except OSError as error:
            if error.errno != errno.EMFILE:
                raise
            problem = (
                "no inotify instance is left for this user (fs.inotify.max_user_instances), or no descriptor"
                " for this process (ulimit -n)"
            )
            raise OSError(error.errno, problem) from None
        self._by_watch: dict[int, str] = {}
        self._watches: dict[str, int] = {}
        self._masks: dict[str, int] = {}
        self._root_watch = -1
        self._root_identity = (0, 0)
        self._place = ""
        try:
            self._place_root()
        except OSError:
            self.close()
            raise

    def fileno(self) -> int:
        """A descriptor that is readable when :meth:`read` has something to say; -1 once closed."""
        return self._inotify.fileno()

    def wait(self, timeout_ns: int) -> bool:
        """Waits until there is something to read, at most so long; a signal ends it too. Whether there is."""
        return self._inotify.wait(timeout_ns)

    def add(self, camera_id: str) -> None:
        """Takes one more camera, where not all are watched."""
        if self._named is not None and camera_id not in self._named:
            self._named[camera_id] = None
            if self._place == self._root:
                self._add_folder(camera_id)

    def known(self) -> list[str]:
        """The cameras whose folder is there."""
        return list(self._watches)

    def scan(self) -> list[str]:
        """Watches every folder that is there and was not watched. Returns the cameras of all that are.

        Where no watch is left for this user, the rest is passed over.
        """
        self.compare_root()
        if self._place != self._root:
            with suppress(OSError):  # no watch is left: looked at again a second later
                self._place_root()
        else:
            self._add_folders()
        return self.known()

    def compare_root(self) -> bool:
        """Looks whether the root is the one that is watched. Returns whether it was, and is not any more.

        A folder that is removed says so only once no process has a file below it open: of cameras' folders
        the root tells, and of the root no watch does.
        """
        if self._place != self._root or is_same_file(self._root, *self._root_identity):
            return False
        self._inotify.remove_watch(self._root_watch)
        self._root_watch, self._place = -1, ""
        for camera_id, watch in [*self._watches.items()]:
            self._forget(camera_id, watch)
        return True

    def hear_frames(self, camera_id: str, *, wanted: bool) -> None:
        """Whether each change of a camera's record is of interest, or only another agent or another file."""
        mask = _FOLDER | MODIFY if wanted else _FOLDER
        if camera_id in self._watches and self._masks[camera_id] != mask:
            self._masks[camera_id] = mask
            self._add_folder(camera_id)

    def read(self) -> Changes:
        """What has happened since the last time. Never waits."""
        changes = Changes({}, set(), all=False)
        by_watch = self._by_watch
        for watch, mask, name in events_of(self._inotify.read()):
            camera_id = by_watch.get(watch)
            if mask == MODIFY and camera_id is not None:
                if name == _STATE:
                    changes.changed[camera_id] = None
            elif mask & OVERFLOW:
                changes = changes._replace(all=True)
            elif watch == self._root_watch:
                changes = self._of_root(changes, mask, name)
            elif camera_id is not None and (name == _STATE or mask & _GOES):
                changes.changed[camera_id] = None
                changes.replaced.add(camera_id)
                if mask & _GOES:
                    self._forget(camera_id, watch)
                    self._add_folder(camera_id)
        if changes.all:
            self.scan()
        return changes

    def interrupt(self) -> None:
        """Ends a wait, also one for :meth:`fileno`, from any thread: ending a watch is an event itself."""
        self._inotify.remove_watch(self._root_watch)

    def close(self) -> None:
        """Ends all of it."""
        self._inotify.close()

    def _of_root(self, changes: Changes, mask: int, name: bytes) -> Changes:
        """An event of the root, or of the folder above it that is watched in its place."""
        if mask & _GOES or self._place != self._root:
            if mask & _GOES:
                self._root_watch, self._place = -1, ""
                return changes._replace(all=True)
            self._place_root()
            return changes._replace(all=self._place == self._root)
        camera_id = os.fsdecode(name)
        if mask & (DELETE | MOVED_FROM):
            if camera_id in self._watches:
                self._forget(camera_id, self._watches[camera_id])
                changes.changed[camera_id] = None
                changes.replaced.add(camera_id)
            return changes._replace(all=changes.all or self.compare_root())
        if camera_id not in self._watches and self._is_wanted(camera_id) and self._add_folder(camera_id):
            changes.changed[camera_id] = None
            changes.replaced.add(camera_id)
        return changes

    def _place_root(self) -> None:
        """Watches the root; or, as long as that is not there, the nearest folder above it.

        Raises:
            OSError: No watch is left (ENOSPC).

        """
        for path in self._paths():
            try:
                watch = self._inotify.add_watch(path, _ROOT if path == self._root else _ABOVE)
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    problem = f"{path}: no inotify watch is left (fs.inotify.max_user_watches)"
                    raise OSError(error.errno, problem) from None
                continue
            if watch != self._root_watch and self._root_watch >= 0:
                self._inotify.remove_watch(self._root_watch)
            self._root_watch, self._place = watch, path
            break
        if self._place == self._root:
            with suppress(OSError):
                status = os.stat(self._root, follow_symlinks=False)
                self._root_identity = (status.st_dev, status.st_ino)
        if self._place == self._root:
            self._add_folders()

    def _paths(self) -> Iterator[str]:
        """The root; and while that cannot be watched, the folders above it, the nearest first.

        The root once more after each: it may have been made before that one was watched.
        """
        above = self._root
        yield above
        while above != os.path.dirname(above):
            above = os.path.dirname(above)
            yield above
            if self._place == above:
                return

    def _add_folders(self) -> None:
        try:
            found = os.listdir(self._root) if self._named is None else self._named
        except OSError:  # removed meanwhile: its watch says so
            return
        for camera_id in found:
            if camera_id not in self._watches and self._is_wanted(camera_id):
                self._add_folder(camera_id)

    def _is_wanted(self, camera_id: str) -> bool:
        return id_problem(camera_id) is None if self._named is None else camera_id in self._named

    def _add_folder(self, camera_id: str) -> bool:
        """Watches a camera's folder, if it is there. Returns whether it is."""
        mask = self._masks.setdefault(camera_id, _FOLDER | MODIFY)
        try:
            watch = self._inotify.add_watch(f"{self._root}/{camera_id}", mask)
        except OSError:
            self._forget(camera_id, self._watches.get(camera_id, -1))
            return False
        self._watches[camera_id] = watch
        self._by_watch[watch] = camera_id
        return True

    def _forget(self, camera_id: str, watch: int) -> None:
        """The watch of a folder that is not at its path any more."""
        self._by_watch.pop(watch, None)
        if self._watches.get(camera_id) == watch:
            del self._watches[camera_id]
            self._masks.pop(camera_id, None)
        if watch >= 0:
            self._inotify.remove_watch(watch)
