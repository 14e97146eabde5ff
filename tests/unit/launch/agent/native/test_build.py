from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

from conftest import PROJECT
from harness.waiting import within
from launch.agent.native import source
from launch.agent.native.build import build, compile_library, compiler
from launch.agent.native.library import OFF, VARIABLE, load
from launch.agent.native.source import constants, signature_of, whole_source


@pytest.fixture
def compiled(tmp_path: Path) -> str:
    """What agents do in C, compiled for one test."""
    path = str(tmp_path / "native.so")
    assert build(path) is None
    return path


def entries(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_what_was_compiled_is_loaded(compiled: str) -> None:
    """A library of this source gives its functions, and there is nothing else beside it."""
    native, problem = load(compiled)
    assert native is not None
    assert problem is None
    assert entries(Path(compiled).parent) == ["native.so"]


def test_what_this_checkout_has_compiled_is_of_this_source() -> None:
    """What agents of this checkout load is what is there: a process that changed it has compiled it."""
    native, problem = load()
    assert native is not None, f"{problem}: python -m launch.agent.native"


def test_a_library_of_another_source_is_not_used(compiled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of the source, or of an offset, keeps agents in Python until it is compiled again."""
    monkeypatch.setitem(source._MODULES, "MORE", source.layout)
    assert load(compiled) == (None, "it was compiled from another source")
    again = f"{compiled}.again"  # one path is loaded once in a process (dlopen(3))
    assert build(again) is None
    assert load(again)[0] is not None


@pytest.mark.parametrize("word", [*OFF, "OFF", "No"])
def test_it_can_be_ruled_out(compiled: str, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With RUTH_NATIVE off, agents do all in Python, whether it is compiled or not."""
    monkeypatch.setenv(VARIABLE, word)
    assert load(compiled) == (None, f"RUTH_NATIVE is {word!r}")


@pytest.mark.parametrize("word", ["", "true", "1", "on", "banana"])
def test_only_off_is_off(compiled: str, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With any other word in RUTH_NATIVE, agents use it."""
    monkeypatch.setenv(VARIABLE, word)
    assert load(compiled)[0] is not None


def test_without_a_library_agents_do_without(tmp_path: Path) -> None:
    """What was never compiled is told as that."""
    assert load(str(tmp_path / "native.so")) == (None, "it is not compiled")


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"#!/bin/sh\n"], ids=repr)
def test_what_is_no_library_is_not_used(tmp_path: Path, content: bytes) -> None:
    """Something else in its place is refused, with the loader's words."""
    path = tmp_path / "native.so"
    path.write_bytes(content)
    native, problem = load(str(path))
    assert native is None
    assert str(path) in problem


@pytest.mark.parametrize("kind", ["directory", "fifo", "link to itself"])
def test_what_is_no_file_is_not_loaded(tmp_path: Path, kind: str) -> None:
    """Something else in its place is neither loaded nor waited for."""
    path = tmp_path / "native.so"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to(path)
    with within(30):
        native, problem = load(str(path))
    assert native is None
    assert problem


def test_the_signature_is_of_the_source_alone() -> None:
    """A library that was compiled with one Python serves agents of another."""
    assert signature_of(b"source") == 0x5F8A7F73


def test_a_library_without_the_loop_is_not_used(tmp_path: Path) -> None:
    """A library that was not made from these sources is refused."""
    path = str(tmp_path / "native.so")
    assert compile_library(b"int other;\n", path) is None
    assert load(path)[0] is None


def test_a_source_that_cannot_be_read(compiled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its source a library is not used, and nothing can be compiled."""
    monkeypatch.setattr(source, "SOURCES", (str(tmp_path / "gone.c"),))
    assert load(compiled)[0] is None
    assert build(compiled) == f"{tmp_path / 'gone.c'}: No such file or directory"


def test_without_a_compiler(compiled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no compiler that is said, with what to install, and what was compiled stays."""
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.delenv("CC", raising=False)
    assert compiler() == []
    assert "apt install gcc libc6-dev" in str(build(compiled))
    assert load(compiled)[0] is not None


def test_a_compiler_that_fails(compiled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a compiler says when it fails is passed on; nothing half done is left, and nothing lost."""
    before = Path(compiled).read_bytes()
    problem = compile_library(b"int broken(void) { return nothing; }\n", compiled)
    assert "nothing" in str(problem)
    monkeypatch.setenv("CC", "false")
    assert str(build(compiled)).startswith("false failed")
    monkeypatch.setenv("CC", "sh -c \"printf '\\\\377' >&2; exit 1\"")  # no UTF-8
    assert str(build(compiled)).endswith("failed: \ufffd")
    monkeypatch.setenv("CC", "/nonexistent/cc -m64")
    assert build(compiled) == "/nonexistent/cc: No such file or directory"
    assert Path(compiled).read_bytes() == before
    assert entries(Path(compiled).parent) == ["native.so"]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """Where the library cannot be put, the reason is the kernel's."""
    library = str(tmp_path / "missing" / "native.so")
    assert build(library) == f"{library}: No such file or directory"


def test_what_is_compiled_needs_no_python(compiled: str) -> None:
    """The library knows no Python and no ABI of it: it loads where there is a C library."""
    assert ctypes.CDLL(compiled)
    names = subprocess.run(["nm", "-D", "--undefined-only", compiled], capture_output=True, text=True)
    assert names.returncode == 0, names.stderr
    assert "Py" not in names.stdout


@pytest.mark.parametrize(("path", "code"), [(None, 0), ("/nonexistent", 1)])
def test_the_command(path: str | None, code: int, tmp_path: Path) -> None:
    """``python -m launch.agent.native`` says where both libraries are, with 0; or why not, with 1."""
    copy = tmp_path / "checkout"
    for package in ("launch", "ruth"):
        shutil.copytree(PROJECT / package, copy / package, ignore=shutil.ignore_patterns("*.so"))
    done = subprocess.run(
        [sys.executable, "-m", "launch.agent.native"],
        cwd=copy,
        env={"PATH": path} if path else None,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code
    made = copy / "launch" / "agent" / "native" / "native.so"
    public = copy / "ruth" / "native" / "libruth.so"
    if code == 0:
        assert (done.stdout, done.stderr) == (f"{made}\n{public}\n", "")
        assert public.exists()
    else:
        assert done.stdout == ""
        assert "no C compiler" in done.stderr
    assert made.exists() == (code == 0)


def test_a_library_without_its_function_is_not_used(tmp_path: Path) -> None:
    """A library that says that it is of this source, and has not all of it, is refused."""
    path = str(tmp_path / "native.so")
    signature = signature_of(whole_source())
    assert compile_library(f"const unsigned long signature = {signature}u;\n".encode(), path) is None
    assert load(path)[0] is None


def test_a_library_is_made_beside_where_it_is_to_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is replaced whole also where temporary files lie on another file system."""
    monkeypatch.setattr(tempfile, "tempdir", "/dev/shm")
    assert build(str(tmp_path / "native.so")) is None


def test_without_a_compiler_a_wheel_is_pure_python(tmp_path: Path) -> None:
    """Also where an earlier loop is in the source: it is not of this build."""
    for name in ("ruth", "launch"):
        shutil.copytree(PROJECT / name, tmp_path / "source" / name)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(PROJECT / name, tmp_path / "source")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist"],
        cwd=tmp_path / "source",
        env={**os.environ, "CC": "/nonexistent"},
        check=True,
        capture_output=True,
    )
    (wheel,) = (tmp_path / "dist").iterdir()
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert not [name for name in archive.namelist() if name.endswith(".so")]


def test_flags_of_open_are_named() -> None:
    """Their numbers differ between machines, and the library of a wheel is compiled on another one."""
    found = dict(constants())
    assert found["FILES_OPEN_FILE"] == "(O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)"
    assert found["FILES_OPEN_DIRECTORY"] == "(O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)"
