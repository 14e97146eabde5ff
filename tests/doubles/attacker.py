"""What a hostile writer does to an export: one act at a time, at random, on folders that a test gives up.

Nothing that it does may bring an agent down, slow another camera's or lead one out of its folder
(docs/specification.md, "Failure rules": each domain fails alone).

    PYTHONPATH=tests python tests/doubles/attacker.py EXPORT_ROOT SEED CAMERA...

Attacks the cameras in turn until its standard input ends, then prints how many acts it has committed.
"""

from __future__ import annotations

import os
import random
import select
import shutil
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.exports import EXPORTS, next_frame, put
from ruth.identity import DATA_NAME, META_NAME

if TYPE_CHECKING:
    from collections.abc import Callable

_HOSTILE_NUMBERS: Final = (0, 1, 2, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1)
_PAUSE_S: Final = 0.001  # between rounds, so that it is an attack on exports and not on the processor
_LARGEST: Final = 1 << 42


class Attacker:
    """Attacks one camera's export.

    Args:
        camera: Its folder below the export root, which is this attacker's alone.
        rng: Says what is done next.

    Attributes:
        acts: How many were committed.

    """

    def __init__(self, camera: Path, rng: random.Random) -> None:
        self._camera = camera
        self._rng = rng
        self._meta = EXPORTS[2][0]
        self.acts = 0

    def act(self) -> None:
        """Commits one act. What the kernel refuses, as a second folder of the same name, is not an act."""
        acts: tuple[Callable[[Path], None], ...] = (
            self._export,
            self._export,  # most often there is something to read
            self._frame,
            self._frame,
            self._number,
            self._noise,
            self._cut,
            self._stretch,
            self._something_else,
            self._remove,
            self._move,
            self._modes,
        )
        path = self._camera / self._rng.choice((META_NAME, DATA_NAME))
        with suppress(OSError):
            self._rng.choice(acts)(path)
            self.acts += 1

    def _export(self, _path: Path) -> None:
        """A valid export of either version in new files."""
        if self._camera.is_symlink() or not self._camera.is_dir():
            self._clear(self._camera)
        for name in (META_NAME, DATA_NAME):
            if (self._camera / name).is_dir() or (self._camera / name).is_fifo():
                self._clear(self._camera / name)
        self._camera.mkdir(parents=True, exist_ok=True)
        self._camera.chmod(0o755)
        self._meta, data = EXPORTS[self._rng.choice((1, 2))]
        put(self._camera, self._meta, data)

    def _frame(self, _path: Path) -> None:
        """Another frame, or another wake-up, in the same files."""
        self._meta = next_frame(self._meta, self._rng.choice((1, 2, 1000, 2**40)))
        with (self._camera / META_NAME).open("r+b") as meta:
            meta.write(self._meta)

    def _number(self, _path: Path) -> None:
        """A number that no writer has, in any field of a record or the ring."""
        width, code = self._rng.choice(((4, "<I"), (8, "<Q")))
        value = self._rng.choice(_HOSTILE_NUMBERS) % 2 ** (8 * width)
        with (self._camera / META_NAME).open("r+b") as meta:
            meta.seek(self._rng.randrange(0, 128 + 64 * 4, width))
            meta.write(struct.pack(code, value))

    def _noise(self, path: Path) -> None:
        """Bytes of chance, of any length."""
        with path.open("r+b") as file:
            file.write(self._rng.randbytes(self._rng.choice((1, 63, 64, 128, 4096, 5000))))

    def _cut(self, path: Path) -> None:
        """A file shorter than it says, under readers that have it mapped."""
        os.truncate(path, self._rng.choice((0, 1, 63, 64, 127, 4095)))

    def _stretch(self, path: Path) -> None:
        """A file far longer than it says: a hole."""
        os.truncate(path, self._rng.choice((4096, 4097, 1 << 20, _LARGEST)))

    def _something_else(self, path: Path) -> None:
        """A FIFO, a folder, a link to another camera or a device in the place of a file."""
        self._clear(path)
        what = self._rng.randrange(4)
        if what == 0:
            os.mkfifo(path)
        elif what == 1:
            path.mkdir()
        elif what == 2:
            path.symlink_to("/dev/zero")
        else:
            path.symlink_to(f"../{self._rng.randrange(64)}/{path.name}")

    def _remove(self, path: Path) -> None:
        """A file, or the folder with all that is in it, is gone."""
        self._clear(path if self._rng.randrange(2) else self._camera)

    def _move(self, path: Path) -> None:
        """A file under the other one's name, or the folder elsewhere and back."""
        if self._rng.randrange(2):
            path.rename(self._camera / (DATA_NAME if path.name == META_NAME else META_NAME))
            return
        elsewhere = self._camera.with_name(f"{self._camera.name}.elsewhere")
        self._camera.rename(elsewhere)
        elsewhere.rename(self._camera)

    def _modes(self, path: Path) -> None:
        """Rights that are taken and given again."""
        path.chmod(self._rng.choice((0o000, 0o644)))

    def _clear(self, path: Path) -> None:
        """Whatever is there is not there any more."""
        with suppress(FileNotFoundError, NotADirectoryError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


def main() -> None:
    """Says that it begins, attacks until it is told to end, and says how many acts there were."""
    root, seed, *cameras = sys.argv[1:]
    rng = random.Random(seed)
    attackers = [Attacker(Path(root) / camera, rng) for camera in cameras]
    print("begun", flush=True)  # noqa: T201 - what is waited for
    while not select.select([sys.stdin], [], [], _PAUSE_S)[0]:
        for attacker in attackers:
            attacker.act()
    print(sum(attacker.acts for attacker in attackers), flush=True)  # noqa: T201 - what it is asked for


if __name__ == "__main__":
    main()
