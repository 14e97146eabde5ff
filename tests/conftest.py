"""Fixtures of all tests: roots of their own on a real tmpfs, and processes that are gone afterwards."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from harness.reporting import Reporting
from harness.vectors import write_vectors
from ruth.identity import EXPORT_ROOT_VARIABLE, STATE_ROOT_VARIABLE
from ruth.vas.flag import FLAG

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parent.parent
_PR_SET_CHILD_SUBREAPER = 36


def pytest_configure(config: pytest.Config) -> None:
    """Handles SIGINT and SIGQUIT, which a background job ignores, and all that it starts (execve(2))."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    for name in ("COLUMNS", "LINES"):  # pytest-xdist sets them, and what tests start has the pipe's width
        os.environ.pop(name, None)
    if not hasattr(config, "workerinput"):  # a worker of pytest-xdist reports to another process
        config.pluginmanager.register(Reporting(config))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the tiers: --all and --soak."""
    parser.addoption("--all", action="store_true", help="also tests that take long")
    parser.addoption("--soak", action="store_true", help="only tests that have a longer form, in that form")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without --all, skips tests that take long; with --soak, leaves out those that have no longer form."""
    if config.getoption("--soak"):
        items[:] = [item for item in items if item.get_closest_marker("soak")]
    elif not config.getoption("--all"):
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="takes long: --all runs it"))


@pytest.fixture(scope="session")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the example exports (tests/harness/vectors.py)."""
    folder = tmp_path_factory.mktemp("vectors")
    write_vectors(folder)
    return folder


@pytest.fixture
def soaking(request: pytest.FixtureRequest) -> bool:
    """Whether a test marked ``soak`` is to run in its longer form."""
    return bool(request.config.getoption("--soak"))


@pytest.fixture
def brief(request: pytest.FixtureRequest) -> bool:
    """Whether a test that has sizes is to run in its smallest: neither --all nor --soak was given."""
    return not (request.config.getoption("--all") or request.config.getoption("--soak"))


@dataclass(frozen=True, slots=True)
class Roots:
    """An export root and a state root of one test's own, on tmpfs."""

    export: Path
    state: Path

    def environ(self, *, flag: str | None = "true") -> dict[str, str]:
        """The environment of a process of this test: its roots, and the flag or none."""
        environ = {name: value for name, value in os.environ.items() if name != FLAG}
        environ[EXPORT_ROOT_VARIABLE] = str(self.export)
        environ[STATE_ROOT_VARIABLE] = str(self.state)
        if flag is not None:
            environ[FLAG] = flag
        return environ


@contextlib.contextmanager
def open_roots() -> Iterator[Roots]:
    """Two empty roots on /dev/shm, removed afterwards."""
    base = Path(tempfile.mkdtemp(prefix="ruth-test-", dir="/dev/shm"))
    try:
        yield Roots(base / "vas", base / "ruth")
    finally:
        for folder, _, _ in os.walk(base):
            os.chmod(folder, 0o700)  # what was copied from a read-only place could not be removed
        shutil.rmtree(base)


@pytest.fixture
def roots() -> Iterator[Roots]:
    """Two empty roots on /dev/shm, removed after the test, also when it fails."""
    with open_roots() as opened:
        yield opened


class Processes:
    """Starts processes of one test, and ends them and all their descendants afterwards, by pid."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[Any]] = []

    def start(self, *command: str | Path, **options: Any) -> subprocess.Popen[Any]:
        """subprocess.Popen; output goes to /dev/null unless told otherwise."""
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", subprocess.DEVNULL)
        process = subprocess.Popen([str(part) for part in command], **options)
        self._started.append(process)
        return process

    def ruth(self, *arguments: str | Path, **options: Any) -> subprocess.Popen[Any]:
        """Starts ``ruth`` with ``arguments``, as installed beside this Python."""
        return self.start(sys.executable, "-m", "launch.cli.main", *arguments, **options)

    def end_all(self) -> None:
        """Kills what was started, and every orphan that came of it: this process is their subreaper."""
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait(timeout=60)
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        reap_orphans()


def reap_orphans() -> None:
    """Kills and reaps the children of this process that no test started itself."""
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            child.resume()
            child.kill()
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


@contextlib.contextmanager
def open_processes() -> Iterator[Processes]:
    """Starts processes that are gone afterwards."""
    # Agents whose launcher ends become children of this process, so that they can be found and reaped.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    started = Processes()
    try:
        yield started
    finally:
        started.end_all()


@pytest.fixture
def processes() -> Iterator[Processes]:
    """Starts processes that are gone after the test, also when it fails."""
    with open_processes() as started:
        yield started
