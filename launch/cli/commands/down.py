"""``ruth down``: ends live agents, all or some (:mod:`launch.launcher.down`)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from launch.exits import EXIT_FAILURE, EXIT_OK
from launch.roots import state_root_here
from launch.screen.messages import message

if TYPE_CHECKING:
    import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("cameras", nargs="*", metavar="CAMERA", help="which (default: all)")


def run(options: argparse.Namespace) -> int:
    """Signals, waits for 2 s at most, and says what came of whom."""
    from launch.launcher.down import down

    root = state_root_here()
    downed = down(root, options.cameras)
    for one in downed:
        if one.problem:
            message(f"ruth: {one.camera_id}: {one.problem}")
        elif one.pid is None:
            message(f"ruth: {one.camera_id}: no live agent{_meant(root, one.camera_id)}")
        elif one.ended:
            sys.stdout.write(f"{one.camera_id}: agent {one.pid} ended\n")
        else:
            message(
                f"ruth: {one.camera_id}: agent {one.pid} was told to end and has not"
                f" (is it stopped? kill -9 {one.pid})"
            )
    if not downed:
        message("ruth: no live agents")
    launchers = sorted({str(one.launcher_pid) for one in downed if one.launcher_pid})
    if launchers:
        stays = (
            "stays until it is ended itself"
            if len(launchers) == 1
            else "stay until they are ended themselves"
        )
        message(f"ruth: launched by {', '.join(launchers)}, which {stays} (SIGTERM)")
    return EXIT_OK if all(one.ended for one in downed) else EXIT_FAILURE


def _meant(root: str, camera_id: str) -> str:
    """The camera that was most likely meant, if this one is not known."""
    from launch.roots import known_cameras
    from launch.screen.nearest import nearest

    known = known_cameras(root)
    return "" if camera_id in known else nearest(camera_id, known)
