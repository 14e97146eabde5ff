"""``ruth`` run to its end by tests, as often as they like: what launches nothing is forked from the test.

A new interpreter takes a tenth of a second of processor time until it has imported what a verb needs, which
is more than most verbs take. The forked process has an environment, outputs, folder and exit code of its own;
what it shares with its parent is modules already imported. Verbs that launch something are started as users
start them: what they hand on to what they launch is part of what is tested.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tempfile
import traceback
import warnings
from typing import IO, TYPE_CHECKING, Final, NoReturn

import launch.cli.main
from harness.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RUTH: Final = (sys.executable, "-m", "launch.cli.main")
_STARTED_ANEW: Final = ("up", "agent", "apply", "demo", "vas")
_DEADLINE_S: Final = 60.0


def run_ruth(
    *arguments: str | Path, env: Mapping[str, str], cwd: str | Path | None = None, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """What came of ``ruth`` with these arguments.

    Args:
        arguments: The verb and what it is given.
        env: The whole environment.
        cwd: The folder; by default that of the test.
        stdin: What it can read.

    """
    words = [os.fspath(argument) for argument in arguments]
    if not words or words[0] in _STARTED_ANEW:
        return subprocess.run(
            [*RUTH, *words], env=env, cwd=cwd, input=stdin, capture_output=True, timeout=_DEADLINE_S
        )
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin)
        given.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of 3.12: pytest-xdist has a thread
            child = os.fork()
        if child == 0:
            _become(words, env, cwd, (given, out, err))
        status: list[int] = []
        try:
            wait_until(lambda: status or _waited(child, status), f"{words}: ended", _DEADLINE_S)
        finally:
            if not status:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
        out.seek(0)
        err.seek(0)
        code = os.waitstatus_to_exitcode(status[0])
        return subprocess.CompletedProcess([*RUTH, *words], code, out.read(), err.read())


def run_ruth_text(
    *arguments: str | Path, env: Mapping[str, str], cwd: str | Path | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """The same, with text in UTF-8."""
    done = run_ruth(*arguments, env=env, cwd=cwd, stdin=stdin.encode())
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def _waited(child: int, status: list[int]) -> bool:
    pid, found = os.waitpid(child, os.WNOHANG)
    if pid:
        status.append(found)
    return bool(pid)


def _become(
    words: list[str],
    env: Mapping[str, str],
    cwd: str | Path | None,
    streams: tuple[IO[bytes], IO[bytes], IO[bytes]],
) -> NoReturn:
    """Runs the verb in this process, which ends with its exit code."""
    code = 1
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream.fileno(), number)
        os.environ.clear()
        os.environ.update(env)
        if cwd is not None:
            os.chdir(cwd)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        encoding = env.get("PYTHONIOENCODING", "utf-8")
        sys.stdin = io.TextIOWrapper(open(0, "rb"), encoding=encoding)  # noqa: SIM115 - for life
        sys.stdout = io.TextIOWrapper(open(1, "wb"), encoding=encoding)  # noqa: SIM115
        sys.stderr = io.TextIOWrapper(open(2, "wb"), encoding, "backslashreplace", line_buffering=True)  # noqa: SIM115
        try:
            code = launch.cli.main.main(words)
        except SystemExit as error:  # of argparse
            code = error.code if isinstance(error.code, int) else 1
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - the end of this process
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)
