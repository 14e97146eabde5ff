from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import TYPE_CHECKING

from launch.observe.inspection.maps import MappedFile, has_native, mapped_files

if TYPE_CHECKING:
    from conftest import Roots

MAPS = """\
55d0c0a00000-55d0c0a01000 r--p 00000000 08:01 12  /usr/bin/python3.11
7f0000000000-7f0000154000 r--s 00000000 00:1a 42  /dev/shm/vas/front-door/frame.data
7f0000200000-7f0000204000 rw-s 00000000 00:1a 43  /dev/shm/ruth/front-door/agent.state
7f0000300000-7f0000301000 r--s 00000000 00:1a 44  /dev/shm/vas/front-door/frame.meta (deleted)
7f0000400000-7f0000401000 r--s 00000000 00:1a 45  /dev/shm/vas/yard/frame.meta
7f0000500000-7f0000501000 r--s 00000000 00:1a 46  /dev/shm/vas/front-door/frame.other
7f0000600000-7f0000700000 rw-p 00000000 00:00 0
7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0  [stack]
"""


def test_the_files_of_one_camera() -> None:
    """Of all mappings, the export and the state of that camera, with what may be done through them."""
    assert mapped_files(MAPS, "front-door") == (
        MappedFile("/dev/shm/vas/front-door/frame.data", 0x154000, "r--s", False),
        MappedFile("/dev/shm/ruth/front-door/agent.state", 0x4000, "rw-s", False),
        MappedFile("/dev/shm/vas/front-door/frame.meta", 0x1000, "r--s", True),
    )
    assert [mapped.read_only for mapped in mapped_files(MAPS, "front-door")] == [True, False, True]


def test_a_camera_without_mappings() -> None:
    """A camera of which nothing is mapped has no mappings."""
    assert mapped_files(MAPS, "garage") == ()
    assert mapped_files("", "garage") == ()


def test_the_kernels_own_words(roots: Roots) -> None:
    """What this kernel writes is understood: mapped read-only, for writing, and after its name has gone."""
    folder = roots.export / "mapped-here"
    folder.mkdir(parents=True)
    (folder / "frame.meta").write_bytes(bytes(4096))
    (folder / "frame.data").write_bytes(bytes(8192))
    with (folder / "frame.meta").open("rb") as meta, (folder / "frame.data").open("r+b") as data:
        readable = mmap.mmap(meta.fileno(), 4096, mmap.MAP_SHARED, mmap.PROT_READ)
        writable = mmap.mmap(data.fileno(), 8192)
    os.unlink(folder / "frame.data")
    found = {
        Path(mapped.path).name: mapped
        for mapped in mapped_files(Path("/proc/self/maps").read_text(), "mapped-here")
    }
    assert found["frame.meta"] == MappedFile(str(folder / "frame.meta"), 4096, "r--s", False)
    assert found["frame.data"] == MappedFile(str(folder / "frame.data"), 8192, "rw-s", True)
    readable.close()
    writable.close()


def test_the_compiled_library() -> None:
    """It is found wherever Ruth is installed, also once it was replaced by a newer one."""
    line = "7f0000800000-7f0000801000 r-xp 00001000 08:01 13  /opt/ruth/lib/launch/native/native.so"
    assert has_native(f"{MAPS}{line}\n")
    assert has_native(f"{MAPS}{line} (deleted)\n")
    assert not has_native(MAPS)
    assert not has_native("")
