"""``ruth ps``: the per-camera processes, once (:mod:`launch.observe.ps`)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from launch.exits import EXIT_FAILURE
from launch.observe.attention import RUNNING, STATES
from launch.prepare.config_file import add_config, configured_cameras
from launch.roots import state_root_here
from launch.screen.messages import message, report_problems
from ruth.text import printable

if TYPE_CHECKING:
    import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument(
        "cameras", nargs="*", metavar="CAMERA", help="which, or a pattern like 'gate-*' (default: all)"
    )
    add_config(parser)
    parser.add_argument(
        "--state", action="append", choices=STATES, help="only cameras in this state; may be repeated"
    )
    parser.add_argument(
        "--check", action="store_true", help="list only those that do not run; exit code 1 if any"
    )
    parser.add_argument("--json", action="store_true", help="print an array, one object a camera")


def run(options: argparse.Namespace) -> int:
    """Prints what is there now.

    Returns:
        EXIT_FAILURE if not everything of a camera could be told, if a camera was asked for that there is not,
        or, with ``--check``, if one does not run or there is none.

    Raises:
        InvalidIdError: A camera that was asked for is not a valid id.

    """
    configured = configured_cameras(options.config) or []
    from launch.observe.agent_view import view
    from launch.observe.ps import as_json, as_table
    from launch.observe.selection import select
    from launch.roots import known_cameras
    from launch.screen.terminal import columns_of, ellipsis_of, in_colour

    root = state_root_here()
    known = sorted({*known_cameras(root), *configured})
    selection = select(options.cameras, known)
    selected = [view(root, camera_id) for camera_id in selection.cameras]
    views = [each for each in selected if _is_meant(each.state, options)]
    out = sys.stdout
    if options.json:
        out.write(as_json(views))
    else:
        limit, colour = columns_of(out), in_colour(out)
        out.write(as_table(views, limit, ellipsis_of(out), colour=colour, counted=selected))
    out.flush()  # where no process reads it, nothing else is said
    if not known and not options.json:
        message(f"ruth: no camera below {printable(root)}, and none is configured")
    for problem in selection.problems:
        message(f"ruth: {problem}")
    code = report_problems((each.camera_id, each.problem) for each in views)
    all_run = bool(selected) and all(each.state == RUNNING for each in selected)
    return EXIT_FAILURE if selection.problems or (options.check and not all_run) else code


def _is_meant(state: str, options: argparse.Namespace) -> bool:
    if options.check and state == RUNNING:
        return False
    return options.state is None or state in options.state
