"""``ruth apply``: the operator's hand for a changed file (:mod:`launch.launcher.apply`)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from zlib import crc32

from launch.exits import EXIT_FAILURE, EXIT_OK
from launch.prepare.config_file import (
    absolute_path,
    add_config,
    config_path,
    configuration_number,
    core_of,
    plan_in,
    read_text,
)
from launch.roots import export_root_here, known_cameras, state_root_here
from launch.screen.messages import message
from launch.text_file import name_of

if TYPE_CHECKING:
    import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument(
        "cameras", nargs="*", metavar="CAMERA", help="which, or a pattern like 'gate-*' (default: all)"
    )
    add_config(parser)
    parser.add_argument("--dry-run", action="store_true", help="show what differs, and change nothing")
    parser.add_argument(
        "--upgrade", action="store_true", help="launch agents of another version of Ruth again, too"
    )


def run(options: argparse.Namespace) -> int:
    """Shows the difference, and unless it is only to be shown, ends and launches just those cameras.

    Raises:
        UsageError: The configuration is wrong: nothing was changed.
        InvalidIdError: A camera that was asked for is not a valid id.

    """
    path = config_path(options)
    text = read_text(path)
    plan = plan_in(text, path)
    from launch.launcher.apply import apply, steps_of
    from launch.launcher.asking import AskingError
    from launch.launcher.launcher import Order
    from launch.observe.launchers import live_launchers
    from launch.observe.selection import select
    from launch.prepare.comparison import differences_now

    root, number, name = state_root_here(), configuration_number(path), name_of(path)
    known = sorted({*known_cameras(root), *(camera.camera_id for camera in plan.cameras)})
    selection = select(options.cameras, known)
    for problem in selection.problems:
        message(f"ruth: {problem}")
    if selection.problems:
        return EXIT_FAILURE
    meant = [each for each in differences_now(root, path, plan) if each.camera_id in selection.cameras]
    steps = steps_of(meant, live_launchers(root), absolute_path(path), upgrade=options.upgrade)
    sys.stdout.write("".join(f"{step.text}\n" for step in steps.steps))
    sys.stdout.flush()
    for line in steps.left:
        message(f"ruth: {line}")
    configured = sum(plan.camera(camera) is not None for camera in selection.cameras)
    same = configured - sum(plan.camera(each.camera_id) is not None for each in meant)
    message(f"ruth: {same} of {configured} cameras are as in {name}")
    if options.dry_run or not steps.steps:
        return EXIT_OK
    order = Order(core_of(plan), export_root_here(), root, absolute_path(path), number)
    try:
        return apply(steps.steps, order, crc32(text.encode()))
    except AskingError as error:
        message(f"ruth: {error}")
        return EXIT_FAILURE
