"""What a launcher is asked for, and what it answers: two files beside its own, written whole and renamed.

``<pid>.request`` is written by ``ruth apply`` or ``ruth up -d``, which may if it may signal the launcher: the
folder belongs to the launcher's user. A launcher that is signalled without a request launches every camera of
its file that has no live agent. Both files are fields of bytes, each ended by NUL; both are data to check.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from launch.launcher.launched import Launched
from launch.observe.launchers import packed, record_path, unpacked
from launch.roots import owner_problem
from ruth.identity import id_problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_REQUEST: Final = b"ruth request 1"
_ANSWER: Final = b"ruth answer 1"
_BYTES_MAX: Final = 16 << 20
_READ: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Request(NamedTuple):
    """What a launcher is to do when it has read its configuration again.

    Attributes:
        mark: Comes back in the answer.
        cameras: Those that it may launch; None for all of its file.

    """

    mark: str
    cameras: frozenset[str] | None

    def write(self, state_root: str, pid: int) -> None:
        """Puts it in its place. Raises OSError if that cannot be."""
        names = () if self.cameras is None else sorted(self.cameras)
        which = b"all" if self.cameras is None else b"these"
        content = packed(_REQUEST, self.mark.encode(), which, *(name.encode() for name in names))
        _write(record_path(state_root, pid, ".request"), content)

    @classmethod
    def take(cls, state_root: str, pid: int) -> Self | None:
        """Reads and removes it; None if there is none. One that is not valid asks for no camera."""
        path = record_path(state_root, pid, ".request")
        if not os.path.lexists(path):
            return None
        fields = _take(path, _REQUEST)
        if fields is None or len(fields) < 2 or fields[1] not in (b"all", b"these"):
            return cls("", frozenset())
        mark, which, *names = (field.decode("ascii", "replace") for field in fields)
        if any(id_problem(name) for name in names):
            return cls("", frozenset())
        return cls(mark, frozenset(names) if which == "these" else None)


class Answer(NamedTuple):
    """What came of it.

    Attributes:
        mark: Of the request.
        content: CRC-32 of the text that the launcher has read; 0 if it could not.
        problem: Why it did nothing: lines for a human; None if it did what it was asked for.
        launched: What it launched.

    """

    mark: str
    content: int
    problem: str | None
    launched: Launched

    def write(self, state_root: str, pid: int) -> None:
        """Puts it in its place; lost if it cannot be written, as when no process waits for it."""
        fields = packed(_ANSWER, self.mark.encode(), str(self.content).encode(), *self._rows())
        with suppress(OSError):
            _write(record_path(state_root, pid, ".answer"), fields)

    def _rows(self) -> Iterator[bytes]:
        """Three fields for each: what it is, the camera or nothing, and what is said of it."""
        launched = self.launched
        rows = [("problem", "", self.problem or "")] if self.problem is not None else []
        rows += [("started", camera, str(pid)) for camera, pid in launched.started]
        rows += [("running", camera, text) for camera, text in launched.running]
        rows += [("failed", camera, text) for camera, text in launched.failed]
        rows += [("note", "", note) for note in launched.notes]
        for row in rows:
            yield from (field.replace("\0", "").encode(errors="backslashreplace") for field in row)

    @classmethod
    def take(cls, state_root: str, pid: int, mark: str) -> Self | None:
        """Reads and removes the answer to that request; None if there is none yet, or none that is valid."""
        fields = _take(record_path(state_root, pid, ".answer"), _ANSWER)
        if fields is None or len(fields) % 3 != 2 or fields[0] != mark.encode() or not fields[1].isdigit():
            return None
        texts = [field.decode(errors="replace") for field in fields[2:]]
        rows = list(zip(texts[::3], texts[1::3], texts[2::3], strict=True))

        def of(kind: str) -> tuple[tuple[str, str], ...]:
            return tuple((camera, text) for found, camera, text in rows if found == kind)

        started = tuple((camera, int(text)) for camera, text in of("started") if _is_launched(camera, text))
        notes = tuple(text for _, text in of("note"))
        problem = "\n".join(text for _, text in of("problem")) or None
        return cls(mark, int(fields[1]), problem, Launched(started, of("running"), of("failed"), notes))


def _is_launched(camera: str, pid: str) -> bool:
    return id_problem(camera) is None and pid.isdecimal() and len(pid) <= 7


def refuse(state_root: str, pid: int, problem: str) -> None:
    """Answers a request, if there is one, with why nothing was done."""
    request = Request.take(state_root, pid)
    if request is not None and request.mark:
        Answer(request.mark, 0, problem, Launched()).write(state_root, pid)


def forget(state_root: str, pid: int) -> None:
    """Removes what was left of a conversation."""
    for suffix in (".request", ".answer"):
        with suppress(OSError):
            os.unlink(record_path(state_root, pid, suffix))


def _write(path: str, content: bytes) -> None:
    new = f"{path}.{os.getpid()}"
    with suppress(FileNotFoundError):
        os.unlink(new)  # of an earlier process with this pid, killed while it wrote
    descriptor = os.open(new, _WRITE, 0o644)
    try:
        os.fchmod(descriptor, 0o644)
        while content:
            content = content[os.write(descriptor, content) :]
        os.rename(new, path)
    except BaseException:  # removed whatever it was, and raised again
        with suppress(OSError):
            os.unlink(new)
        raise
    finally:
        os.close(descriptor)


def _take(path: str, magic: bytes) -> Sequence[bytes] | None:
    """Reads a file and removes it: a regular one, of this user or root."""
    try:
        descriptor = os.open(path, _READ)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        content = bytearray()
        while len(content) < _BYTES_MAX and (more := os.read(descriptor, 1 << 20)):
            content += more
        os.unlink(path)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    # An answer is the launcher's: root, who asked, reads that of any user whose launcher it signalled.
    mine = os.geteuid() == 0 or owner_problem(status) is None
    return unpacked(bytes(content), magic) if mine and stat.S_ISREG(status.st_mode) else None
