from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import PROJECT
from launch.steady import source
from launch.steady.build import build, compile_library, compiler
from launch.steady.library import OFF, VARIABLE, load


@pytest.fixture
def compiled(tmp_path: Path) -> str:
    """The loop, compiled for one test."""
    path = str(tmp_path / "loop.so")
    assert build(path) is None
    return path


def entries(folder: Path) -> list[str]:
    """What stands in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_what_was_compiled_is_loaded(compiled: str) -> None:
    """A library of this source gives the loop, and there is nothing else beside it."""
    follow, problem = load(compiled)
    assert follow is not None
    assert problem == ""
    assert entries(Path(compiled).parent) == ["loop.so"]


def test_the_loop_of_this_checkout_is_of_this_source() -> None:
    """What agents of this checkout load is what stands there: whoever changed it has compiled it."""
    follow, problem = load()
    assert follow is not None, f"{problem}: python -m launch.steady"


def test_a_library_of_another_source_is_not_used(compiled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of the source, or of an offset, takes the loop from agents until it is compiled anew."""
    monkeypatch.setitem(source._DEFINITIONS, "STATE_FRAME_ID", 56)
    assert load(compiled) == (None, "it was compiled from another source")
    anew = f"{compiled}.anew"  # one path is loaded once in a process (dlopen(3))
    assert build(anew) is None
    assert load(anew)[0] is not None


@pytest.mark.parametrize("word", [*OFF, "OFF", "No"])
def test_the_loop_can_be_ruled_out(compiled: str, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With RUTH_STEADY_LOOP off, agents do without the loop, whether it is compiled or not."""
    monkeypatch.setenv(VARIABLE, word)
    assert load(compiled) == (None, f"RUTH_STEADY_LOOP is {word!r}")


@pytest.mark.parametrize("word", ["", "true", "1", "on", "banana"])
def test_only_off_is_off(compiled: str, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With any other word in RUTH_STEADY_LOOP, agents use the loop."""
    monkeypatch.setenv(VARIABLE, word)
    assert load(compiled)[0] is not None


def test_without_a_library_agents_do_without(tmp_path: Path) -> None:
    """A loop that was never compiled is told as that."""
    assert load(str(tmp_path / "loop.so")) == (None, "it is not compiled")


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"#!/bin/sh\n"], ids=repr)
def test_what_is_no_library_is_not_used(tmp_path: Path, content: bytes) -> None:
    """Something else in its place is refused, with the loader's words."""
    path = tmp_path / "loop.so"
    path.write_bytes(content)
    follow, problem = load(str(path))
    assert follow is None
    assert str(path) in problem


def test_a_library_without_the_loop_is_not_used(tmp_path: Path) -> None:
    """A library that was not made from loop.c is refused."""
    path = str(tmp_path / "loop.so")
    assert compile_library(b"int other;\n", path) is None
    assert load(path)[0] is None


def test_a_source_that_cannot_be_read(compiled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its source a library is not used, and nothing can be compiled."""
    monkeypatch.setattr(source, "SOURCE", str(tmp_path / "gone.c"))
    assert load(compiled)[0] is None
    assert build(compiled) == f"{tmp_path / 'gone.c'}: No such file or directory"


def test_without_a_compiler(compiled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no compiler that is said, with what to install, and what was compiled stays."""
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.delenv("CC", raising=False)
    assert compiler() is None
    assert "apt install gcc libc6-dev" in str(build(compiled))
    assert load(compiled)[0] is not None


def test_a_compiler_that_fails(compiled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a compiler says when it fails is passed on; nothing half done is left, and nothing lost."""
    before = Path(compiled).read_bytes()
    problem = compile_library(b"int broken(void) { return nothing; }\n", compiled)
    assert "nothing" in str(problem)
    monkeypatch.setenv("CC", "false")
    assert str(build(compiled)).startswith(str(shutil.which("false")))
    assert Path(compiled).read_bytes() == before
    assert entries(Path(compiled).parent) == ["loop.so"]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """Where the library cannot be put, the reason is the kernel's."""
    library = str(tmp_path / "missing" / "loop.so")
    assert build(library) == f"{library}: No such file or directory"


def test_what_is_compiled_needs_no_python(compiled: str) -> None:
    """The library knows no Python and no ABI of it: it loads where there is a C library."""
    assert ctypes.CDLL(compiled)
    names = subprocess.run(["nm", "-D", "--undefined-only", compiled], capture_output=True, text=True)
    assert names.returncode == 0, names.stderr
    assert "Py" not in names.stdout


@pytest.mark.parametrize(("path", "code"), [(None, 0), ("/nonexistent", 1)])
def test_the_command(path: str | None, code: int, tmp_path: Path) -> None:
    """``python -m launch.steady`` says where the loop is, with 0; or why it is not compiled, with 1."""
    copy = tmp_path / "checkout"
    for package in ("launch", "ruth"):
        shutil.copytree(PROJECT / package, copy / package, ignore=shutil.ignore_patterns("*.so"))
    done = subprocess.run(
        [sys.executable, "-m", "launch.steady"],
        cwd=copy,
        env={"PATH": path} if path else None,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code
    made = copy / "launch" / "steady" / "loop.so"
    if code == 0:
        assert (done.stdout, done.stderr) == (f"{made}\n", "")
    else:
        assert done.stdout == ""
        assert "no C compiler" in done.stderr
    assert made.exists() == (code == 0)
