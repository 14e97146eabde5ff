from __future__ import annotations

import io
import json
import os
import sys
import time
from contextlib import redirect_stdout, suppress
from typing import TYPE_CHECKING, NoReturn

import pytest

from conftest import open_processes, open_roots
from faults.loop import loop
from harness.agents import configure, launched, pid_of, view_agent, wait_observed
from harness.published import FRAME, exporter_of
from harness.waiting import wait_until
from launch.cli.main import main
from launch.launcher.launcher import Order, launch
from ruth.agent.agent import StreamAgent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Roots
    from faults.tracer import Failing, Ran

CAMERAS = ("front-door", "yard")
RUNS_MOST = 30  # of a verb, in the short form
DEADLINE_S = 60.0
WRITE = 1
VERBS = {
    "ps": ("ps",),
    "ps --json": ("ps", "--json"),
    "ps -c": ("ps", "-c", "CONFIG"),
    "check": ("check", "CONFIG"),
    "plan": ("plan", "CONFIG"),
    "doctor": ("doctor", "-c", "CONFIG"),
    "peek": ("peek", "front-door", "-o", "PICTURE"),
    "completion": ("completion", "bash"),
    "follow": ("follow", "front-door", "--seconds", "0.02"),
    "follow --json": ("follow", "front-door", "--json", "--seconds", "0.02"),
    "top --json": ("top", "--json", "-n", "1", "--interval", "0.1"),
    "inspect": ("inspect", "front-door"),
}
# They look twice, some time apart: a few runs, and more in the longer form.
SLOW = frozenset({"inspect", "top --json"})


class Verb:
    """A verb of ``ruth``, run in a child while two agents live and one of their exports has a frame."""

    def __init__(self, roots: Roots, *arguments: str) -> None:
        self._arguments = arguments
        self._out, self._err = roots.state.parent / "out", roots.state.parent / "err"
        self._imported = False

    def prepare(self) -> None:
        """Everything that the verb imports has been imported."""
        if not self._imported:
            self._imported = True
            with redirect_stdout(io.StringIO()):
                main(list(self._arguments))

    def set_up(self) -> None:
        """Its standard descriptors are files."""
        for number, path in ((1, self._out), (2, self._err)):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(descriptor, number)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")

    def play(self) -> NoReturn:
        """Runs it."""
        raise SystemExit(main(list(self._arguments)))

    def judge(self, ran: Ran, failing: Failing | None) -> None:
        """It succeeds, or says why not; never a traceback."""
        told = self._err.read_text() + self._out.read_text()
        assert ran.escaped == ""
        assert "Traceback" not in told
        assert ran.code in ((0,) if failing is None else (0, 1, 2))
        if ran.code and ran.failed != WRITE:
            assert told, "ended without a word"
        if ran.code == 0 and "--json" in self._arguments:
            out = self._out.read_text()
            for text in [out] if self._arguments[0] == "ps" else out.splitlines():
                json.loads(text)


class Down(Verb):
    """``ruth down`` of one camera, whose agent has been launched for that."""

    def __init__(self, roots: Roots, camera: str) -> None:
        super().__init__(roots, "down", camera)
        self._roots, self._camera = roots, camera

    def prepare(self) -> None:
        """The camera's agent lives."""
        super().prepare()
        wait_until(self._ready, "the agent is ready")

    def _ready(self) -> bool:
        """Launches it if it does not live; one that was told to end may still be dying when looked at."""
        if view_agent(self._roots, self._camera).pid is None:
            reap_zombies()
            launcher = os.fork()
            if launcher == 0:
                agents = [StreamAgent(self._camera)]
                launch(Order(agents, str(self._roots.export), str(self._roots.state)))
                os._exit(0)
            assert os.waitpid(launcher, 0)[1] == 0
        return bool(view_agent(self._roots, self._camera).confinement)

    def judge(self, ran: Ran, failing: Failing | None) -> None:
        """Each agent that it says has ended has ended."""
        super().judge(ran, failing)
        said = self._out.read_text()
        if ran.code == 0 or said:
            assert view_agent(self._roots, self._camera).pid is None


def reap_zombies() -> None:
    """Agents whose launcher has ended are this process's to reap (prctl(2), PR_SET_CHILD_SUBREAPER)."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


@pytest.fixture(scope="module")
def host() -> Iterator[Roots]:
    """Two agents that live, one of which has observed a frame."""
    with open_roots() as roots, open_processes() as processes:
        exporter = exporter_of(roots, CAMERAS[0])
        pids = launched(roots, processes, *CAMERAS)
        assert exporter.publish(FRAME, time.monotonic_ns())
        wait_observed(roots, CAMERAS[0], 0)
        yield roots
        assert {camera: pid_of(roots, camera) for camera in CAMERAS} == pids
        exporter.close()


@pytest.mark.soak
@pytest.mark.long
@pytest.mark.parametrize("name", VERBS)
def test_every_system_call_of_a_verb_fails(
    host: Roots,
    soaking: bool,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whichever call of a verb fails, once or for ever, it does what it can or says why not.

    The agents that it looks at notice nothing. The longer form has every error for every call, the short one
    some of them.
    """
    for variable, value in host.environ().items():
        monkeypatch.setenv(variable, value)
    known = {"CONFIG": str(configure(host, *CAMERAS)), "PICTURE": str(tmp_path / "picture.png")}
    verb = Verb(host, *(known.get(part, part) for part in VERBS[name]))
    if name in SLOW:
        most: int | None = 200 if soaking else 5
    else:
        most = None if soaking else RUNS_MOST
    looped = loop(verb, every_error=soaking, most=most, seconds=DEADLINE_S)
    print(f"{name}: {looped.calls} calls, {looped.runs} runs")  # noqa: T201 - shown with -rP


@pytest.mark.soak
def test_every_system_call_of_down_fails(host: Roots, soaking: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever call of ``ruth down`` fails: what it says has ended has, and no other was signalled."""
    for variable, value in host.environ().items():
        monkeypatch.setenv(variable, value)
    most = 400 if soaking else RUNS_MOST
    looped = loop(Down(host, "garage"), every_error=soaking, most=most, seconds=DEADLINE_S)
    print(f"down: {looped.calls} calls, {looped.runs} runs")  # noqa: T201 - shown with -rP
