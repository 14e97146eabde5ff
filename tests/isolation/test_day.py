"""The documented day of an operator (docs/operations.md), on real processes: each step, and the others exact.

40 cameras, in the longer form 200; frames come all the while, and each agent that no step is about must
observe and decide every one of them, in one life.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from conftest import open_processes, open_roots
from harness.agents import children_of, pid_of, record, view_agent, wait_dead
from harness.commands import run_ruth_text
from harness.lives import Recorder, Server
from harness.waiting import wait_until
from launch.observe.launchers import live_launchers
from ruth.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Processes, Roots

pytestmark = [pytest.mark.long, pytest.mark.soak]

OLDER = "0.0.9"
LAUNCH = """
import os, sys
import ruth.version
ruth.version.__version__ = open(os.environ["INSTALLED"]).read()
from launch.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
"""A launcher of the Ruth that a file says is installed."""
MODELS = "[models]\nperson = { max_fps = 5 }\nplate = { max_fps = 2.5 }\naudit = {}\n"
ADDED, CHANGED, REMOVED, DEAD, STARVED = "added", "changed", "removed", "dead", "starved"
FIRST_WAVE = ("wave-1", "wave-2")


@dataclass(slots=True)
class Answer:
    """What a verb said, and the pids of all agents after it."""

    code: int
    out: str
    err: str
    pids: dict[str, int | None]


@dataclass(slots=True)
class Day:
    """A day: a launch, and what the operator did and was told.

    Attributes:
        others: The cameras that no step is about.
        answers: By step.
        before: Pids of all agents, before the first step.
        launcher: Its pid.
        versions: Of the agents, after the first wave.

    """

    roots: Roots
    processes: Processes
    config: Path
    others: tuple[str, ...]
    answers: dict[str, Answer] = field(default_factory=dict)
    before: dict[str, int] = field(default_factory=dict)
    launcher: int = 0
    versions: dict[str, str] = field(default_factory=dict)

    def write(self, *cameras: str, changed: str = "{}") -> None:
        """The file: these cameras, and one that may differ from the others."""
        lines = [f"{camera} = {changed if camera == CHANGED else '{}'}\n" for camera in cameras]
        self.config.write_text(f"{MODELS}[cameras]\n{''.join(lines)}", encoding="utf-8")

    def ruth(self, step: str, *arguments: str) -> None:
        """Runs a verb."""
        done = run_ruth_text(*arguments, env=self.roots.environ(), cwd=self.config.parent)
        cameras = (*self.others, ADDED, CHANGED, REMOVED, DEAD, STARVED, *FIRST_WAVE)
        pids = {camera: view_agent(self.roots, camera).pid for camera in cameras}
        self.answers[step] = Answer(done.returncode, done.stdout, done.stderr, pids)


@pytest.fixture(scope="module")
def day(request: pytest.FixtureRequest) -> Iterator[Day]:
    """The whole day; the agents that no step was about were exact in all of it."""
    number = 200 if request.config.getoption("--soak") else 40
    others = tuple(f"other-{one}" for one in range(number - 6))
    with open_roots() as roots, open_processes() as processes:
        today = Day(roots, processes, roots.state.parent / "ruth.toml", others)
        live_through(today, fps=2 if number > 100 else 5)
        yield today


def live_through(today: Day, fps: float) -> None:
    """Every step, one after the other."""
    roots, processes, others = today.roots, today.processes, today.others
    stay = (*others, DEAD, STARVED, *FIRST_WAVE)
    today.write(CHANGED, REMOVED, *stay)
    installed = roots.state.parent / "installed"
    installed.write_text(OLDER)
    environ = {**roots.environ(), "INSTALLED": str(installed)}
    server = Server(processes, roots, (*others, ADDED, CHANGED, REMOVED, DEAD, *FIRST_WAVE), fps=fps)
    launcher = processes.start(sys.executable, "-c", LAUNCH, "up", cwd=roots.state.parent, env=environ)
    today.launcher = launcher.pid
    today.before = {camera: pid_of(roots, camera) for camera in (CHANGED, REMOVED, *stay)}
    with Recorder(roots, others) as recorder:
        lives = [recorder.life(camera, today.before[camera]) for camera in others]

        today.write(CHANGED, REMOVED, ADDED, *stay)
        today.ruth("add", "apply")
        today.write(CHANGED, REMOVED, ADDED, *stay, changed="{ models = { person = { max_fps = 8 } } }")
        today.ruth("shown", "apply", "--dry-run")
        today.ruth("seen by ps", "ps")
        today.ruth("change", "apply")
        today.write(CHANGED, ADDED, *stay, changed="{ models = { person = { max_fps = 8 } } }")
        today.ruth("remove", "apply")
        with today.config.open("a") as file:
            file.write("typo = 1\n")
        today.ruth("typo", "apply")
        today.write(CHANGED, ADDED, *stay, changed="{ models = { person = { max_fps = 8 } } }")

        os.kill(today.before[DEAD], signal.SIGKILL)
        wait_dead(roots, DEAD)
        today.ruth("find", "ps", "--check", "-c", "ruth.toml")
        today.ruth("another", "apply", CHANGED)
        today.ruth("launch the dead", "apply", DEAD)

        installed.write_text(__version__)  # an update
        today.ruth("after the update", "apply")
        today.ruth("wave", "apply", "--upgrade", "wave-*")
        for camera in (*others, *FIRST_WAVE):
            today.versions[camera] = record(roots, camera).ruth_version
        published, spoiled = server.end()
        for life in lives:
            wait_until(
                lambda life=life: life.moments[-1].seen.frame_id == published - 1, f"{life} has seen it all"
            )
    assert spoiled == 0
    assert [len(lived) for lived in recorder.lives.values()] == [1] * len(others)
    for life in lives:
        life.assert_right(published)


def alone(day: Day, answer: Answer) -> bool:
    """Whether the agents that no step is about are still those that were launched."""
    return all(answer.pids[camera] == day.before[camera] for camera in day.others)


def test_the_others_never_change(day: Day) -> None:
    """After each step the agents that it was not about are the same processes, and missed no frame."""
    assert [step for step, answer in day.answers.items() if not alone(day, answer)] == []


def test_a_camera_is_added(day: Day) -> None:
    """A new line in the file and ``ruth apply``: one agent more, of the same launcher."""
    answer = day.answers["add"]
    agent = answer.pids[ADDED]
    assert (answer.code, answer.out) == (0, f"{ADDED}: launch (no agent yet)\n{ADDED}: agent {agent}\n")
    assert agent in children_of(day.launcher)


def test_a_difference_is_shown_first(day: Day) -> None:
    """``--dry-run`` and ``ps`` say how a live agent differs from the file, and nothing changes."""
    shown, ps = day.answers["shown"], day.answers["seen by ps"]
    assert (shown.code, shown.out) == (0, f"{CHANGED}: change (person 5, file 8)\n")
    assert f"ruth: {CHANGED}: differs from ruth.toml: person 5, file 8\n" in ps.err
    assert shown.pids[CHANGED] == ps.pids[CHANGED] == day.before[CHANGED]


def test_a_cap_is_changed(day: Day) -> None:
    """A changed cap and ``ruth apply``: that agent ends, and another one has the new cap."""
    answer = day.answers["change"]
    pid, agent = day.before[CHANGED], answer.pids[CHANGED]
    assert answer.code == 0
    assert answer.out.splitlines()[1:] == [f"{CHANGED}: agent {pid} ended", f"{CHANGED}: agent {agent}"]
    caps = {model.model_id: model.max_fps for model in view_agent(day.roots, CHANGED).models}
    assert caps == {"person": 8, "plate": 2.5, "audit": None}


def test_a_camera_is_removed(day: Day) -> None:
    """A line less and ``ruth apply``: its agent ends."""
    answer = day.answers["remove"]
    ended = f"{REMOVED}: agent {day.before[REMOVED]} ended\n"
    assert (answer.code, answer.out) == (0, f"{REMOVED}: end (no longer in ruth.toml)\n{ended}")
    assert answer.pids[REMOVED] is None


def test_a_typo_changes_nothing(day: Day) -> None:
    """A file that is not valid is refused with its line, and every agent goes on."""
    answer = day.answers["typo"]
    assert (answer.code, answer.out) == (2, "")
    assert "ruth.toml:" in answer.err
    assert answer.pids == day.answers["remove"].pids


def test_the_dead_and_the_starving_one_come_first(day: Day) -> None:
    """``ps --check`` fails, and lists those that need a hand, the dead one first."""
    answer = day.answers["find"]
    rows = [line.split() for line in answer.out.splitlines()[1:-1]]
    assert answer.code == 1
    assert [row[0] for row in rows[:1]] == [DEAD]
    assert rows[0][2:4] == ["dead:", "SIGKILL"]
    assert STARVED in [row[0] for row in rows if row[2] == "idle"]


def test_another_cameras_change_launches_no_dead_one(day: Day) -> None:
    """``ruth apply`` of one camera leaves the dead one dead; of that one, launches it again."""
    assert day.answers["another"].pids[DEAD] is None
    answer = day.answers["launch the dead"]
    agent = answer.pids[DEAD]
    assert (answer.code, answer.out) == (0, f"{DEAD}: launch (dead: SIGKILL)\n{DEAD}: agent {agent}\n")


def test_an_update_goes_in_waves(day: Day) -> None:
    """After an update ``apply`` counts agents of the other version; ``--upgrade`` changes those named."""
    answer, wave = day.answers["after the update"], day.answers["wave"]
    assert (answer.code, answer.out) == (0, "")
    count = len(day.before) - 1 + 1  # one was removed, one added
    assert f"ruth: {count} run another version of Ruth: left alone" in answer.err
    assert wave.code == 0
    first = f"{FIRST_WAVE[0]}: upgrade (runs Ruth {OLDER}, this is {__version__})"
    assert wave.out.splitlines()[0] == first
    assert {day.versions[camera] for camera in FIRST_WAVE} == {__version__}
    assert {day.versions[camera] for camera in day.others} == {OLDER}


def test_one_launcher_serves_all_day(day: Day) -> None:
    """The launcher is the same process after every step, the only one, and the parent of every agent."""
    (launcher,) = live_launchers(str(day.roots.state))
    assert (launcher.pid, launcher.ruth_version) == (day.launcher, __version__)
    agents = {pid for pid in day.answers["wave"].pids.values() if pid is not None}
    assert agents <= set(children_of(day.launcher))
    assert day.before[DEAD] in children_of(day.launcher)  # its zombies stay as well
