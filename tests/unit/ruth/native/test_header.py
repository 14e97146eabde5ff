"""ruth_layout.h and what it is generated from; the headers in C++."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ruth.native.header import layout_header
from ruth.native.source import HERE, INCLUDE, whole_source

WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror")


def compiled(tmp_path: Path, *command: str) -> str:
    """What a compiler says; nothing if it compiles without a warning."""
    done = subprocess.run(
        [*command, *WARNINGS, f"-I{INCLUDE}", "-c", "-o", tmp_path / "out.o"], capture_output=True, text=True
    )
    return done.stderr


def test_the_layout_that_is_checked_in() -> None:
    """ruth_layout.h is what ``ruth.export.layout`` says; if not: python -m ruth.native --layout."""
    assert Path(INCLUDE, "ruth_layout.h").read_text() == layout_header()


def test_one_file_is_all_of_it(tmp_path: Path) -> None:
    """What ``--source`` prints compiles by itself as C11, without a warning, and needs no header of Ruth."""
    file = tmp_path / "ruth.c"
    file.write_text(whole_source())
    done = subprocess.run(
        ["gcc", "-std=c11", "-O2", *WARNINGS, "-c", file, "-o", tmp_path / "ruth.o"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("header", sorted(path.name for path in Path(INCLUDE).glob("*.h")))
def test_each_header_is_of_cplusplus_too(tmp_path: Path, header: str) -> None:
    """A header alone compiles as C++17, and its functions keep their names."""
    file = tmp_path / "program.cc"
    file.write_text(f'#include "{header}"\n')
    assert compiled(tmp_path, "g++", "-std=c++17", str(file)) == ""


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--cflags"], 0, f"-I{INCLUDE}\n"),
        (["--libs"], 0, f"-L{HERE} -Wl,-rpath,{HERE} -lruth\n"),
        (["--cflags", "--libs"], 0, f"-I{INCLUDE} -L{HERE} -Wl,-rpath,{HERE} -lruth\n"),
        (["--layout"], 0, layout_header()),
        (["--source"], 0, whole_source()),
        ([], 2, ""),
        (["--cflags", "--wrong"], 2, ""),
    ],
)
def test_the_command(arguments: list[str], code: int, said: str) -> None:
    """``python -m ruth.native`` prints options and nothing else, and its usage to stderr otherwise."""
    done = subprocess.run(
        [sys.executable, "-m", "ruth.native", *arguments], capture_output=True, text=True, cwd="/"
    )
    assert (done.returncode, done.stdout) == (code, said)
    assert done.stderr.startswith("usage: " if code else "")
