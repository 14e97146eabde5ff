"""``ruth up``: launches the agents that are not alive yet (:mod:`launch.launcher.launcher`)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from launch.exits import EXIT_FAILURE, EXIT_OK, UsageError
from launch.prepare.config_file import (
    absolute_path,
    add_config,
    config_path,
    configuration_number,
    core_of,
    read_plan,
)
from launch.roots import export_root_here, state_root_here
from launch.screen.messages import message
from launch.text_file import STDIN, name_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from launch.launcher.launcher import Order
    from launch.prepare.config.plan import HostPlan
    from ruth.agent.agent import StreamAgent
    from ruth.core import RuthCore


def add_options(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument(
        "cameras_or_config",
        nargs="*",
        metavar="CAMERA",
        help="which, or a pattern like 'gate-*' (default: all); *.toml, and what has a /, is CONFIG",
    )
    add_config(parser)
    parser.add_argument("-d", "--detach", action="store_true", help="return once they are launched")


def run(options: argparse.Namespace) -> int:
    """Launches, and stays until it is told to end, unless detached.

    Raises:
        UsageError: The configuration is wrong, or has no such camera.

    """
    words: list[str] = options.cameras_or_config
    files = [word for word in words if is_config(word)]
    if len(files) + (options.config is not None) > 1:
        raise UsageError("ruth: CONFIG is given twice")
    options.config = files[0] if files else options.config
    path = config_path(options)
    plan = read_plan(path)
    agents = _meant([word for word in words if word not in files], core_of(plan), name_of(path))
    from launch.launcher.launcher import Order, run_launcher

    order = Order(
        agents, export_root_here(), state_root_here(), absolute_path(path), configuration_number(path)
    )
    _say_what_differs(path, plan, order)
    if options.detach and (code := _hand_over(order)) is not None:
        return code
    return run_launcher(order, detach=options.detach)


def is_config(word: str) -> bool:
    """Whether an argument names a file and no camera."""
    return word == STDIN or "/" in word or word.endswith(".toml")


def _meant(words: Sequence[str], core: RuthCore, name: str) -> list[StreamAgent]:
    """The agents of the cameras that were named; all, without a name.

    Raises:
        UsageError: One is not in the configuration.

    """
    agents = list(core)
    if not words:
        return agents
    from launch.observe.selection import select

    selection = select(words, [agent.camera_id for agent in agents])
    if selection.problems:
        raise UsageError("\n".join(f"ruth: {problem} in {name}" for problem in selection.problems))
    return [agent for agent in agents if agent.camera_id in selection.cameras]


def _say_what_differs(path: str, plan: HostPlan, order: Order) -> None:
    """Which live agents are otherwise than the file says: they are left alone."""
    from launch.prepare.comparison import what_differs

    try:
        lines = what_differs(order.state_root, path, plan)
    except OSError:  # the launch says what is wrong with the state root
        return
    for line in lines:
        message(f"ruth: {line}")


def _hand_over(order: Order) -> int | None:
    """Has a launcher that lives and serves the same file launch them, so that launchers do not pile up.

    Returns:
        An exit code; None if there is no such launcher, or none that can be asked.

    """
    from launch.agent.native.library import VARIABLE
    from launch.launcher.claim import HAS_AGENT
    from launch.observe.launchers import live_launchers

    alike = (order.configuration, order.export_root, os.environ.get(VARIABLE, ""))
    found = [
        launcher
        for launcher in live_launchers(order.state_root)
        if order.configuration and (launcher.configuration, launcher.export_root, launcher.native) == alike
    ]
    if not found:
        return None
    from launch.launcher.apply import ask
    from launch.launcher.asking import Asking, AskingError
    from launch.launcher.launched import Launched, report
    from launch.observe.liveness import read_sighting

    cameras = [agent.camera_id for agent in order.agents]
    missing = [camera for camera in cameras if not read_sighting(order.state_root, camera).alive]
    alive = tuple((camera, HAS_AGENT) for camera in cameras if camera not in set(missing))
    code = EXIT_OK
    if missing:  # for nothing, it need not start over
        try:
            with Asking(order.state_root, found[0]) as asking:
                code = ask(asking, missing)
        except AskingError as error:
            message(f"ruth: {error}")
            code = EXIT_FAILURE
    report(Launched(running=alive))
    return code
