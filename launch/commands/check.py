"""``ruth check``: validates a configuration, every error at once (:mod:`launch.config`)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from launch.config_file import CONFIG_HELP, read_plan
from launch.exits import EXIT_OK

if TYPE_CHECKING:
    import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("config", metavar="CONFIG", help=CONFIG_HELP)


def run(options: argparse.Namespace) -> int:
    """Says how much is in a valid file; a file that is not is a UsageError that names every error."""
    plan = read_plan(options.config)
    models = sum(len(camera.models) for camera in plan.cameras)
    sys.stdout.write(f"{options.config}: ok, cameras: {len(plan.cameras)}, subscriptions: {models}\n")
    return EXIT_OK
