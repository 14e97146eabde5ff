"""A launcher that has started over: reads its file again, launches what it was asked for, and waits.

It says nothing but to the process that asked (:mod:`launch.launcher.request`), and whatever is wrong, the
agents that it has go on: a file that is not valid changes nothing (docs/decisions/0050).
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING
from zlib import crc32

from launch.exits import EXIT_FAILURE, UsageError
from launch.launcher.launched import Launched
from launch.launcher.launcher import (
    START_OVER_SIGNAL,
    Order,
    ThreadsError,
    ending_signals,
    launch,
    wait_to_end,
)
from launch.launcher.record import LauncherRecord
from launch.launcher.request import Answer, Request
from launch.launcher.start_over import StartOver
from launch.observe.launchers import is_child
from launch.prepare.config_file import configuration_number, core_of, plan_in, read_text
from launch.roots import state_root_here
from launch.screen.messages import describe
from ruth.version import __version__

if TYPE_CHECKING:
    from launch.observe.launchers import Launcher


def resume(descriptor: int) -> int | None:
    """Is a launcher once more.

    Args:
        descriptor: Of its record.

    Returns:
        Its exit code, once it was told to end; None if this process is not a launcher that has started over.

    """
    start_over = StartOver.of_this_process()
    record = LauncherRecord.adopt(state_root_here(), descriptor)
    if record is None:
        return None
    # As they were left: nothing may end this process before it waits again.
    signal.pthread_sigmask(signal.SIG_BLOCK, {*ending_signals(), START_OVER_SIGNAL})
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    launcher = record.launcher
    agents = [pid for pid in launcher.agents if is_child(pid, launcher.pid)]
    request = Request.take(record.state_root, launcher.pid) or Request("", None)
    content, problem, launched = _launch_again(launcher, request, record.state_root)
    agents += [pid for _, pid in launched.started]
    code = EXIT_FAILURE if launched.failed else launcher.exit_code
    record.update(agents=agents, exit_code=code, ruth_version=__version__)
    if request.mark:
        Answer(request.mark, content, problem, launched).write(record.state_root, launcher.pid)
    return wait_to_end(agents, code, record, start_over)


def _launch_again(launcher: Launcher, request: Request, state_root: str) -> tuple[int, str | None, Launched]:
    """CRC-32 of the text that it has read, why nothing was launched, and what was."""
    path, content = launcher.configuration, 0
    if not path:
        return content, "its configuration was standard input, which cannot be read again", Launched()
    try:
        text = read_text(path)
        content = crc32(text.encode())
        core = core_of(plan_in(text, path))
        wanted = [agent for agent in core if request.cameras is None or agent.camera_id in request.cameras]
        if not wanted:
            return content, None, Launched()
        order = Order(
            wanted, launcher.export_root, state_root, path, configuration_number(path), limited=True
        )
        return content, None, launch(order)
    except (UsageError, OSError, MemoryError, ThreadsError) as error:
        return content, describe(error).removeprefix("ruth: "), Launched()
