"""``ruth agent``: one agent in the foreground, its tracebacks visible (:mod:`launch.agent.process`)."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, NoReturn

from launch.exits import EXIT_FAILURE, UsageError
from launch.prepare.config_file import add_config, config_path, configuration_number, core_of, read_plan
from launch.roots import export_root_here, state_root_here
from launch.screen.messages import message
from launch.screen.nearest import nearest
from launch.text_file import name_of

if TYPE_CHECKING:
    import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("camera", metavar="CAMERA", help="which of the configuration")
    add_config(parser)


def run(options: argparse.Namespace) -> NoReturn:
    """Becomes the agent; ends by a signal.

    Raises:
        UsageError: The configuration is wrong, or has no such camera.
        SystemExit: The camera has a live agent, or its state cannot be had.

    """
    path = config_path(options)
    plan = read_plan(path)
    agent = core_of(plan).agent(options.camera)
    if agent is None:
        known = [camera.camera_id for camera in plan.cameras]
        raise UsageError(
            f"ruth: camera {options.camera!r} is not in {name_of(path)}{nearest(options.camera, known)}"
        )
    from launch.agent.confine.confinement import Confinement
    from launch.agent.native.library import load
    from launch.agent.process import AgentProcess
    from launch.agent.title import Title
    from launch.launcher.claim import AlreadyRunningError, claim, claim_problem

    export_root = export_root_here()
    try:
        state = claim(state_root_here(), agent.camera_id, len(agent.subscriptions))
        confinement = Confinement(export_root, state)
        confinement.limit()
        prepared = confinement.prepare(agent.camera_id)
    except AlreadyRunningError as error:
        message(f"ruth: {agent.camera_id}: {error}")
        raise SystemExit(EXIT_FAILURE) from None
    except OSError as error:
        message(f"ruth: {agent.camera_id}: {claim_problem(error)}")
        raise SystemExit(EXIT_FAILURE) from None
    message(f"ruth: {agent.camera_id}: agent {os.getpid()} in the foreground, Ctrl-C ends it")
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends it as any signal does, without a traceback
    title = Title()
    title.set(f"ruth: agent {agent.camera_id}")
    native, _ = load()
    process = AgentProcess(agent, export_root, prepared, native, configuration_number(path))
    process.run(state, launcher_pid=0)
