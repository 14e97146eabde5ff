"""``ruth demo``: the main job, seen from outside, on roots of its own that are gone afterwards.

Everything runs as a user would run it: ``ruth vas`` and ``ruth up`` are processes of their own, agents are
forked by the launcher, and what is shown is read the way ``ruth ps`` reads it. Half-way one agent is killed
with SIGKILL. Frames are counted by those who made them (the stand-in VAS) and by those who saw them.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self, TypeAlias

from launch.demo.summary import DemoSummary, Killed, camera_outcome
from launch.observe.agent_view import view_all
from launch.vas.parent_death import dies_with_parent
from ruth.agent.state import AgentRecord
from ruth.agent.state_reader import StateReader
from ruth.errors import RuthError
from ruth.identity import EXPORT_ROOT_VARIABLE, STATE_ROOT_VARIABLE
from ruth.vas.flag import FLAG, export_enabled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from launch.observe.agent_view import AgentView

CAMERA_NAMES: Final = ("front-door", "yard", "garage", "loading-dock", "lobby", "stairs", "gate", "roof")
MODELS: Final = "[cameras.{}.models]\nperson = {{ max_fps = 5 }}\nplate = {{ max_fps = 2.5 }}\naudit = {{}}\n"

_SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - the demo's exports belong on a tmpfs
_PR_SET_CHILD_SUBREAPER: Final = 36  # prctl(2)
_REFRESH_S: Final = 0.5
# Until it is counted: in the first moments each frame may come sooner than the one before, and frame time
# goes back by as much (ruth.vas.frame_time).
_SETTLE_S: Final = 2.0
_START_DEADLINE_S: Final = 30.0
_STOP_DEADLINE_S: Final = 10.0


# Gets all agents, the seconds that have passed, and a line on what is going on.
Show: TypeAlias = "Callable[[Sequence[AgentView], float, str], None]"


class DemoError(RuthError):
    """A part of the demo did not start, or ended by itself; the text says which, and its last words."""


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """What to show.

    Attributes:
        cameras: Their ids, at least one; the agent of the last one will be killed.
        sources: ``CAMERA=SOURCE`` for each, as ``ruth vas`` takes them, already checked.
        seconds: How long frames are watched, above 0.

    """

    cameras: tuple[str, ...]
    sources: tuple[str, ...]
    seconds: float


@dataclass(slots=True)
class _Stage:
    """The demo's processes and files; leaving the ``with`` ends and removes them all."""

    base: Path
    cameras: tuple[str, ...]
    started_at: float = field(default_factory=time.monotonic)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __enter__(self) -> Self:
        # Agents outlive their launcher for a moment; as their next parent this process can reap them, also
        # in a container whose pid 1 reaps no child.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        return self

    def __exit__(self, *_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # a second signal changes nothing
        for process in reversed(self.processes):
            _end(process)
        with contextlib.suppress(ChildProcessError):
            deadline = time.monotonic() + _STOP_DEADLINE_S
            while time.monotonic() < deadline:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    time.sleep(0.01)
        shutil.rmtree(self.base, ignore_errors=True)

    @property
    def export_root(self) -> Path:
        return self.base / "vas"

    @property
    def state_root(self) -> Path:
        return self.base / "ruth"

    def output(self, name: str, kind: str) -> Path:
        """Where a process's stdout (``"out"``) or stderr (``"err"``) goes."""
        return self.base / f"{name}.{kind}"

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Starts ``ruth`` with ``arguments``, its output in files."""
        environ = {FLAG: "true", **os.environ}
        environ[EXPORT_ROOT_VARIABLE] = str(self.export_root)
        environ[STATE_ROOT_VARIABLE] = str(self.state_root)
        command = [sys.executable, "-m", "launch.cli.main", *arguments]
        with self.output(name, "out").open("wb") as out, self.output(name, "err").open("wb") as err:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=environ,
                preexec_fn=dies_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one thread; the demo may be killed
                start_new_session=True,  # Ctrl-C reaches the demo alone, which then ends them in order
            )
        self.processes.append(process)
        return process

    def elapsed_s(self) -> float:
        return time.monotonic() - self.started_at

    def views(self) -> list[AgentView]:
        """All agents, in the demo's order."""
        return sorted(view_all(str(self.state_root)), key=lambda view: self.cameras.index(view.camera_id))

    def last_words(self, name: str) -> str:
        text = self.output(name, "err").read_text(encoding="utf-8", errors="replace").strip()
        return text or "it said nothing"


def run_demo(plan: DemoPlan, show: Show) -> DemoSummary:
    """Runs the demo to its end.

    Args:
        plan: What to show.
        show: Is called about twice a second.

    Raises:
        DemoError: A part of it did not work.
        OSError: /dev/shm cannot be written to.

    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    base = Path(tempfile.mkdtemp(prefix="ruth-demo-", dir=_SHARED_MEMORY))
    with _Stage(base, plan.cameras) as stage:
        config = stage.base / "ruth.toml"
        config.write_text("".join(MODELS.format(camera) for camera in plan.cameras), encoding="utf-8")
        launcher = stage.start("up", "up", str(config))
        launcher_output = stage.output("up", "out"), stage.output("up", "err")

        def launched(views: Sequence[AgentView]) -> bool:
            # Agents can be alive before their launcher has said so; what it says then is not "meanwhile".
            said = launcher_output[0].read_bytes().count(b"\n")
            return _alive(views, plan) and said == len(plan.cameras)

        _watch_until(stage, show, "launching one process per camera", launched, launcher)
        written_at_launch = _size(launcher_output)
        vas = stage.start("vas", "vas", "--json", *plan.sources)
        exporting = export_enabled({FLAG: "true", **os.environ})
        if exporting:
            _watch_until(stage, show, "the agents are idle; now the video server starts", _all_fed, vas)
            settled = time.monotonic() + _SETTLE_S
            text = "every camera exports; counting begins in a moment"
            _watch_until(stage, show, text, lambda _: time.monotonic() >= settled, vas)
        before = _records(stage, plan)
        killed = _watch(stage, plan, show, vas)
        watched = _records(stage, plan)  # told to end, FFmpeg releases the frames that it holds at once
        _end(vas)
        published = _published(stage)
        _let_agents_finish(stage, published)
        after = _records(stage, plan)
        outcomes = tuple(
            camera_outcome(before[camera_id], watched[camera_id], after[camera_id], published[camera_id])
            for camera_id in plan.cameras
        )
        deaths = {view.camera_id: view.death for view in stage.views()}
        summary = DemoSummary(
            cameras=outcomes,
            killed=killed._replace(death=deaths[killed.camera_id]),
            launcher_output_bytes=_size(launcher_output) - written_at_launch,
            seconds=plan.seconds,
            exporting=exporting,
        )
    return replace(summary, left_behind=tuple(_left_behind(base)))


def _left_behind(base: Path) -> Iterator[str]:
    """What is still there after the stage was left: the demo's folder, and its child processes."""
    if base.exists():
        yield str(base)
    for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_bytes().split():
        yield f"process {pid.decode()}"


def _watch(
    stage: _Stage,
    plan: DemoPlan,
    show: Show,
    vas: subprocess.Popen[bytes],
) -> Killed:
    """Watches for the plan's time; kills the last camera's agent half-way."""
    victim = plan.cameras[-1]
    started = stage.started_at = time.monotonic()
    killed: Killed | None = None
    text = "every camera has a process of its own, which decides for each model"
    while (elapsed := time.monotonic() - started) < plan.seconds:
        _must_live(stage, vas)
        if killed is None and elapsed >= plan.seconds / 2:
            killed = _kill(stage, victim, round(elapsed, 1))
            text = f"kill -9 of {victim}: it is not restarted, and no other process notices"
        show(stage.views(), stage.elapsed_s(), text)
        next_event = plan.seconds if killed else plan.seconds / 2
        time.sleep(max(0.0, min(_REFRESH_S, next_event - (time.monotonic() - started))))
    if killed is None:  # a demo shorter than one refresh
        killed = _kill(stage, victim, round(plan.seconds, 1))
    show(stage.views(), stage.elapsed_s(), text)
    return killed


def _kill(stage: _Stage, camera_id: str, at_s: float) -> Killed:
    view = next(view for view in stage.views() if view.camera_id == camera_id)
    if view.pid is None:
        raise DemoError(
            f"the agent of {camera_id} was dead before it was killed: {view.death or 'how is not known'}"
        )
    os.kill(view.pid, signal.SIGKILL)  # a child of the launcher, which never reaps: the pid is still its own
    with StateReader(str(stage.state_root), camera_id) as reader:
        deadline = time.monotonic() + _STOP_DEADLINE_S
        while reader.alive() and time.monotonic() < deadline:
            time.sleep(0.001)
    return Killed(camera_id, view.pid, at_s, None)


def _watch_until(
    stage: _Stage,
    show: Show,
    text: str,
    reached: Callable[[Sequence[AgentView]], bool],
    process: subprocess.Popen[bytes],
) -> None:
    deadline = time.monotonic() + _START_DEADLINE_S
    shown = 0.0
    while not reached(views := stage.views()):
        _must_live(stage, process)
        _must_export(stage)
        if time.monotonic() > deadline:
            raise DemoError(f"not within {_START_DEADLINE_S:.0f} s: {text}\n{stage.last_words('vas')}")
        if time.monotonic() - shown >= _REFRESH_S:
            shown = time.monotonic()
            show(views, stage.elapsed_s(), text)
        time.sleep(0.02)


def _alive(views: Sequence[AgentView], plan: DemoPlan) -> bool:
    return sum(view.pid is not None for view in views) == len(plan.cameras)


def _all_fed(views: Sequence[AgentView]) -> bool:
    return all(view.frames for view in views)


def _must_export(stage: _Stage) -> None:
    """Raises DemoError at once if the stand-in cannot export, for lack of shared memory as a rule."""
    if not stage.output("vas", "err").exists():
        return  # it is started later
    said = stage.last_words("vas").splitlines()
    refused = [line for line in said if ": not exported: " in line]
    if refused:
        raise DemoError("\n".join(refused))


def _must_live(stage: _Stage, process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        name = process.args[3] if isinstance(process.args, list) else ""
        raise DemoError(f"ruth {name} ended by itself:\n{stage.last_words(str(name))}")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _published(stage: _Stage) -> dict[str, int]:
    """Frames published by camera, as the stand-in VAS counted them."""
    try:
        summary: dict[str, Any] = json.loads(stage.output("vas", "out").read_text(encoding="utf-8"))
    except ValueError:
        raise DemoError(f"ruth vas left no summary:\n{stage.last_words('vas')}") from None
    return {camera["camera_id"]: camera["published"] for camera in summary["cameras"]}


def _let_agents_finish(stage: _Stage, published: dict[str, int]) -> None:
    """Gives live agents up to a second to observe the frame that was published last."""
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        views = [view for view in stage.views() if view.pid is not None]
        if all(view.frame_id is None or view.frame_id + 1 >= published[view.camera_id] for view in views):
            return
        time.sleep(0.01)


def _records(stage: _Stage, plan: DemoPlan) -> dict[str, AgentRecord]:
    """What each agent has published so far."""
    records = {}
    for camera_id in plan.cameras:
        with StateReader(str(stage.state_root), camera_id) as reader:
            record = reader.read()
        if not isinstance(record, AgentRecord):
            raise DemoError(f"the agent of {camera_id} left no record")
        records[camera_id] = record
    return records


def _size(paths: Sequence[Path]) -> int:
    return sum(path.stat().st_size for path in paths)


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt
