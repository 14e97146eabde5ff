"""``ruth ps``: the per-camera processes, once, or as they change (:mod:`launch.observe.ps`)."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from launch.exits import EXIT_FAILURE, EXIT_OK, UsageError
from launch.observe.attention import RUNNING, STATES
from launch.prepare.config_file import add_config, configured
from launch.roots import known_cameras, state_root_here
from launch.screen.messages import message, report_problems
from ruth.text import printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


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
    parser.add_argument("--watch", action="store_true", help="go on, with a line for each change of state")
    parser.add_argument("--json", action="store_true", help="print an array, one object per camera")
    parser.add_argument("--schema", action="store_true", help="print a JSON schema of what --json prints")


def run(options: argparse.Namespace) -> int:
    """Prints what is there now.

    Returns:
        EXIT_FAILURE if not everything of a camera could be told, if a camera was asked for that there is not,
        or, with ``--check``, if one does not run or there is none.

    Raises:
        InvalidIdError: A camera that was asked for is not a valid id.
        UsageError: ``--check`` and ``--watch`` together.

    """
    if options.schema:
        from launch.observe.ps import schema_text

        sys.stdout.write(schema_text())
        return EXIT_OK
    if options.check and options.watch:
        raise UsageError("ruth ps: --check answers once; --watch goes on: one of them")
    found = configured(options.config)
    cameras = [] if found is None else [camera.camera_id for camera in found[1].cameras]
    root = state_root_here()
    code = _watch(root, cameras, options) if options.watch else _show(root, cameras, options)
    if found is not None and not options.watch:
        from launch.prepare.comparison import what_differs

        for line in what_differs(root, *found):
            message(f"ruth: {line}")
    return code


def _show(root: str, in_file: Sequence[str], options: argparse.Namespace) -> int:
    from launch.observe.agent_view import view
    from launch.observe.ps import as_json, as_table
    from launch.observe.selection import select
    from launch.screen.terminal import columns_of, ellipsis_of, in_colour

    known = sorted({*known_cameras(root), *in_file})
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


def _watch(root: str, in_file: Sequence[str], options: argparse.Namespace) -> int:
    """Shows what there is, and then what changes, until it is interrupted."""
    from launch.observe.ps_watch import states_now, watch
    from launch.observe.selection import select

    def cameras() -> Sequence[str]:
        return select(options.cameras, sorted({*known_cameras(root), *in_file})).cameras

    out, first = sys.stdout, None
    if not options.json:
        first = states_now(root, cameras())
        _show(root, in_file, options)
    for changes in watch(root, cameras, first=first):
        for change in changes:
            if _is_meant(change.now.state, options):
                clock = time.strftime("%H:%M:%S")
                out.write(change.as_json(time.time_ns()) if options.json else change.line(clock))
        out.flush()
    return EXIT_OK


def _is_meant(state: str, options: argparse.Namespace) -> bool:
    if options.check and state == RUNNING:
        return False
    return options.state is None or state in options.state
