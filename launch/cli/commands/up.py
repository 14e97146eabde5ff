"""``ruth up``: launches the agents that are not alive yet (:mod:`launch.launcher.launcher`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch.prepare.config_file import add_config, config_path, configuration_number, core_of, read_plan
from launch.roots import export_root_here, state_root_here

if TYPE_CHECKING:
    import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    add_config(parser, positional=True)
    parser.add_argument("-d", "--detach", action="store_true", help="return once they are launched")


def run(options: argparse.Namespace) -> int:
    """Launches, and stays until it is told to end, unless detached."""
    path = config_path(options)
    core = core_of(read_plan(path))
    from launch.launcher.launcher import run_launcher

    return run_launcher(
        core, export_root_here(), state_root_here(), configuration_number(path), detach=options.detach
    )
