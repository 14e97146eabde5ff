"""What ``import ruth`` offers: its names, its help, its types."""

from __future__ import annotations

import inspect
import pydoc
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import ruth

if TYPE_CHECKING:
    from pathlib import Path

USE = """
import numpy as np
import ruth
import ruth.errors

with ruth.attach_all("person", ["front-door"], timeout=1) as streams:
    for batch in streams.batches(4, wait=0.1):
        pictures = np.stack([frame.rgb((64, 64)) for frame in batch])
    counts: tuple[int, int, int] = streams.counts
    problems: list[str | None] = [camera.problem for camera in streams.cameras.values()]
with ruth.attach("front-door", "person") as stream:
    for frame in stream:
        copy = frame.copy()
        frame.rgb((4, 4), out=np.empty((4, 4, 3), np.uint8))
names: list[str] = [camera.camera_id for camera in ruth.cameras("person")]


async def main() -> None:
    async for frame in streams:
        frame.intact
    async for batch in streams.batches(1, wait=1):
        batch[0].intact
    async for frame in stream:
        frame.intact


try:
    ruth.attach("..", "person")
except ruth.errors.InvalidIdError as error:
    print(error.kind)
"""


def test_dir_is_what_is_public() -> None:
    """Every public name can be had, and dir() shows nothing else."""
    assert dir(ruth) == sorted(ruth.__all__)
    for name in ruth.__all__:
        assert getattr(ruth, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'attachh'"):
        getattr(ruth, "attachh")  # noqa: B009 - the type checker knows that it is not there


def test_everything_public_is_documented() -> None:
    """Each name, and each public method and property of a class, has a docstring of its own."""
    for name in ruth.__all__:
        if name == "__version__":
            continue
        found = getattr(ruth, name)
        assert inspect.getdoc(found), name
        if inspect.isclass(found) and not issubclass(found, tuple):
            for member, value in inspect.getmembers(found):
                if not member.startswith("_") and (callable(value) or isinstance(value, property)):
                    assert inspect.getdoc(value), f"{name}.{member}"


def test_help_shows_what_is_public() -> None:
    """Its classes and functions are those of ``__all__``; it begins with four lines of use."""
    text = pydoc.render_doc(ruth, renderer=pydoc.plaintext)
    public = set(ruth.__all__)
    assert "import ruth\n" in text.split("PACKAGE CONTENTS")[0]
    functions = text.split("\nFUNCTIONS\n")[1].split("\nDATA\n")[0]
    assert set(re.findall(r"^    (\w+)\(", functions, re.MULTILINE)) == {
        "attach",
        "attach_all",
        "cameras",
    } & public | {name for name in public if inspect.isfunction(getattr(ruth, name))}
    classes = text.split("\nCLASSES\n")[1].split("\nFUNCTIONS\n")[0]
    named = set(re.findall(r"^    class (\w+)\(", classes, re.MULTILINE))
    assert named == {name for name in public if inspect.isclass(getattr(ruth, name))}


@pytest.mark.long
def test_types_are_accepted(tmp_path: Path) -> None:
    """A program that uses it passes ``mypy --strict``."""
    program = tmp_path / "program.py"
    program.write_text(USE, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
