"""``ruth down``: ends live agents, all or some (:mod:`launch.launcher.down`)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from launch.exits import EXIT_FAILURE, EXIT_OK
from launch.prepare.config_file import CONFIG_HELP, absolute_path, configured_cameras
from launch.roots import known_cameras, state_root_here
from launch.screen.messages import message
from launch.screen.nearest import nearest
from ruth.text import printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from launch.launcher.down import Downed


def add_options(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument(
        "cameras", nargs="*", metavar="CAMERA", help="which, or a pattern like 'gate-*' (default: all)"
    )
    parser.add_argument("-c", "--config", metavar="CONFIG", help=f"only cameras of this one: {CONFIG_HELP}")


def run(options: argparse.Namespace) -> int:
    """Signals, waits for 2 s at most, and says what came of each.

    Raises:
        UsageError: The configuration is wrong: no process was signalled.
        InvalidIdError: A name is not a valid id: no process was signalled.

    """
    from launch.launcher.down import down
    from launch.observe.selection import expand

    root = state_root_here()
    configured = configured_cameras(options.config) if options.config is not None else None
    known = known_cameras(root)
    expansion = expand(options.cameras, known if configured is None else configured)
    for problem in expansion.problems:
        message(f"ruth: {problem}")
    cameras: Sequence[str] = expansion.cameras
    if configured is not None and not options.cameras:
        cameras = [camera for camera in known if camera in set(configured)]
    nothing_meant = bool(options.cameras or configured is not None) and not cameras
    downed = [] if nothing_meant else down(root, cameras)
    if not options.cameras:
        downed = [one for one in downed if one.pid or one.problem]
    for one in downed:
        _say(one, known)
    if not downed and not expansion.problems:
        message(f"ruth: no live agent below {printable(root)}")
    code = EXIT_OK if all(one.ended for one in downed) and not expansion.problems else EXIT_FAILURE
    if options.cameras:
        _say_who_stays(downed)
        return code
    served = None if configured is None else absolute_path(options.config)
    return max(code, _end_launchers(root, served, downed))


def _say(one: Downed, known: Sequence[str]) -> None:
    if one.problem:
        message(f"ruth: {one.camera_id}: {one.problem}")
    elif one.pid is None:
        meant = "" if one.camera_id in known else nearest(one.camera_id, known)
        message(f"ruth: {one.camera_id}: no live agent{meant}")
    elif one.ended:
        sys.stdout.write(f"{one.camera_id}: agent {one.pid} ended\n")
    else:
        message(
            f"ruth: {one.camera_id}: agent {one.pid} was told to end and has not"
            f" (is it stopped? kill -9 {one.pid})"
        )


def _say_who_stays(downed: Sequence[Downed]) -> None:
    launchers = sorted({str(one.launcher_pid) for one in downed if one.launcher_pid})
    if launchers:
        stays = "stays" if len(launchers) == 1 else "stay"
        message(
            f"ruth: launched by {', '.join(launchers)}, which {stays} (ruth down, of all, ends launchers)"
        )


def _end_launchers(root: str, configuration: str | None, downed: Sequence[Downed]) -> int:
    """Ends launchers, all or those of a configuration, that have no live agent. Returns an exit code."""
    from launch.launcher.down import end_launchers
    from launch.observe.launchers import live_launchers

    needed = {one.launcher_pid for one in downed if not one.ended}
    ending = [
        launcher
        for launcher in live_launchers(root)
        if launcher.pid not in needed
        and configuration in (None, launcher.configuration)
        and not launcher.live_agents
    ]
    code = EXIT_OK
    for pid, problem in end_launchers(root, ending):
        if problem is None:
            sys.stdout.write(f"launcher {pid} ended\n")
        else:
            message(f"ruth: launcher {pid}: {problem}")
            code = EXIT_FAILURE
    return code
