"""``ruth apply``: ends agents that differ from their file, and has their launchers launch them again.

Nothing is ended before every launcher that is needed has read the file and found it valid: a launcher that
cannot be asked, or reads another file under that name, changes nothing (docs/decisions/0050).
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from launch.exits import EXIT_FAILURE, EXIT_OK
from launch.launcher.asking import Asking, AskingError
from launch.launcher.down import down
from launch.launcher.launched import say
from launch.launcher.launcher import Order, run_launcher
from launch.prepare.difference import Difference, DifferenceKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from launch.launcher.down import Downed
    from launch.observe.launchers import Launcher

_WORDS: Final = {
    DifferenceKind.LAUNCH: "launch",
    DifferenceKind.CHANGE: "change",
    DifferenceKind.REMOVE: "end",
    DifferenceKind.VERSION: "upgrade",
    DifferenceKind.UNKNOWN: "upgrade",
}
"""What is done to a camera of each kind, in a word."""


class Step(NamedTuple):
    """What is done to one camera.

    Attributes:
        difference: Why.
        launcher: Which is to launch it; None for one of its own, and for a camera that is only ended.

    """

    difference: Difference
    launcher: Launcher | None

    @property
    def text(self) -> str:
        """For a human: ``"front-door: change (person 5, file 8)"``."""
        return f"{self.difference.camera_id}: {_WORDS[self.difference.kind]} ({self.difference.text})"


@dataclass(frozen=True, slots=True)
class Steps:
    """What is to be done, and what is not.

    Attributes:
        steps: By camera.
        left: What is said of cameras that differ and are left alone.

    """

    steps: tuple[Step, ...]
    left: tuple[str, ...]


def steps_of(
    differences: Iterable[Difference], launchers: Sequence[Launcher], path: str, *, upgrade: bool
) -> Steps:
    """Who is to do what.

    Args:
        differences: Of the cameras that were meant.
        launchers: All that live.
        path: Absolute path of the configuration; empty for standard input.
        upgrade: Whether agents of another version of Ruth are launched again.

    """
    serving = [launcher for launcher in launchers if path and launcher.configuration == path]
    by_pid = {launcher.pid: launcher for launcher in launchers}
    steps, left, versions = [], [], 0
    for difference in differences:
        camera_id, owner = difference.camera_id, difference.launcher_pid
        if difference.kind is DifferenceKind.VERSION and not upgrade:
            versions += 1
        elif difference.kind is DifferenceKind.UNKNOWN and not (upgrade and difference.other_layout):
            left.append(f"{camera_id}: left alone, not compared: {difference.text}")
        elif other := next((one for one in launchers if difference.other_layout in one.agents), None):
            if other not in serving:
                theirs = other.configuration or "standard input"
                left.append(f"{camera_id}: left alone: launcher {other.pid} has it, which serves {theirs}")
            else:
                steps.append(Step(difference, other))
        elif owner == 0:
            left.append(f"{camera_id}: left alone: {difference.text}; it runs by itself (ruth agent)")
        elif owner in by_pid and by_pid[owner] not in serving:
            theirs = by_pid[owner].configuration or "standard input"
            left.append(
                f"{camera_id}: left alone: {difference.text}; launcher {owner} has it, which serves {theirs}"
            )
        else:
            own = by_pid.get(owner or 0) or (serving[0] if serving else None)
            steps.append(Step(difference, None if difference.kind is DifferenceKind.REMOVE else own))
    if versions:
        left.append(f"{versions} run another version of Ruth: left alone, --upgrade launches them again")
    return Steps(tuple(steps), tuple(left))


def apply(steps: Sequence[Step], order: Order, content: int) -> int:
    """Does it, and says what came of it.

    Args:
        steps: What is to be done.
        order: All agents of the file, for cameras whose launcher is to be a new one.
        content: CRC-32 of the file's text.

    Returns:
        An exit code.

    Raises:
        AskingError: A launcher cannot be asked, or reads another file: nothing was changed.

    """
    launchers = {step.launcher.pid: step.launcher for step in steps if step.launcher is not None}
    ending = [
        step.difference.camera_id for step in steps if step.difference.kind is not DifferenceKind.LAUNCH
    ]
    with ExitStack() as stack:
        asked = {
            pid: stack.enter_context(Asking(order.state_root, launcher))
            for pid, launcher in launchers.items()
        }
        if ending:
            for pid, asking in asked.items():
                _check(launchers[pid], asking, content)
        failed = set(_end(order.state_root, ending))
        launched = [
            step
            for step in steps
            if step.difference.kind is not DifferenceKind.REMOVE and step.difference.camera_id not in failed
        ]
        codes = [EXIT_FAILURE if failed else EXIT_OK]
        for pid, asking in asked.items():
            cameras = [
                step.difference.camera_id for step in launched if step.launcher and step.launcher.pid == pid
            ]
            if cameras:
                codes.append(ask(asking, cameras))
    alone = {step.difference.camera_id for step in launched if step.launcher is None}
    if alone:
        agents = [agent for agent in order.agents if agent.camera_id in alone]
        codes.append(run_launcher(order._replace(agents=agents), detach=True))
    return max(codes)


def ask(asking: Asking, cameras: Iterable[str]) -> int:
    """Has a launcher launch cameras, and says what came of it. Returns an exit code."""
    try:
        answer = asking.ask(cameras)
    except AskingError as error:
        say(2, f"ruth: {error}\n")
        return EXIT_FAILURE
    say(1, answer.launched.lines())
    problems = [] if answer.problem is None else [answer.problem]
    say(2, "".join(f"ruth: {line}\n" for line in (*problems, *answer.launched.messages())))
    return EXIT_FAILURE if answer.problem is not None or answer.launched.failed else EXIT_OK


def _check(launcher: Launcher, asking: Asking, content: int) -> None:
    """Raises AskingError if the launcher could not launch what the file says: it reads it, no more."""
    answer = asking.ask(())
    if answer.problem is not None:
        raise AskingError(launcher, f"nothing was changed: {answer.problem}")
    if answer.content != content:
        raise AskingError(
            launcher,
            f"nothing was changed: it reads another text in {launcher.configuration} than this command",
        )


def _end(state_root: str, cameras: Sequence[str]) -> Iterator[str]:
    """Ends their agents, and gives those of which it failed."""
    for one in down(state_root, cameras) if cameras else ():
        if one.ended:
            say(1, f"{one.camera_id}: agent {one.pid} ended\n")
        elif one.pid is None and one.problem is None:
            continue  # it has died meanwhile
        else:
            say(2, f"ruth: {one.camera_id}: {_why(one)}\n")
            yield one.camera_id


def _why(one: Downed) -> str:
    if one.problem is not None:
        return one.problem
    return f"agent {one.pid} was told to end and has not (is it stopped? kill -9 {one.pid})"
