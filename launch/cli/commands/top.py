"""``ruth top``: the per-camera processes, live (:mod:`launch.observe.top`)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from launch.cli.argument_types import interval, positive
from launch.observe.top.control import ORDERS
from launch.prepare.config_file import add_config, configured_cameras
from launch.roots import state_root_here
from launch.screen.messages import report_problems

if TYPE_CHECKING:
    import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    add_config(parser)
    parser.add_argument("-n", "--count", type=positive, metavar="COUNT", help="end after so many refreshes")
    parser.add_argument(
        "--interval", type=interval, default=1.0, metavar="S", help="seconds between refreshes (default 1)"
    )
    parser.add_argument(
        "--sort",
        choices=ORDERS,
        default=ORDERS[0],
        help="by a column, or by state: what needs a hand first (default)",
    )
    parser.add_argument("--reverse", action="store_true", help="turn the order round")
    parser.add_argument("--json", action="store_true", help="print one object a line and refresh")
    parser.epilog = (
        "On a terminal: < and > sort, / filters, arrows and PgUp, PgDn scroll, ? shows all keys, q ends."
    )


def run(options: argparse.Namespace) -> int:
    """Shows screens on a terminal, and prints JSON elsewhere; 1 if not all of a camera could be told."""
    configured = configured_cameras(options.config) or []
    from launch.observe.top.control import Control
    from launch.observe.top.reading import Reader
    from launch.observe.top.run import run_lines, run_screens
    from launch.screen.terminal import draws

    reader = Reader(state_root_here(), configured, options.interval)
    out = sys.stdout
    if options.json or not draws(out):
        rows = run_lines(reader, options.interval, options.count, out)
    else:
        control = Control(order=options.sort, reverse=options.reverse)
        rows = run_screens(reader, options.interval, options.count, control, out, 0)
    return report_problems((row.camera_id, row.problem) for row in rows)
