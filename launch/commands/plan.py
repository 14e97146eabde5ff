"""``ruth plan``: what a configuration will come to, before it runs (:mod:`launch.sizing`)."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from launch.argument_types import byte_size, frame_size, milliseconds, positive, rate
from launch.config_file import CONFIG_HELP, read_plan
from launch.exits import EXIT_OK

if TYPE_CHECKING:
    import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("config", metavar="CONFIG", help=CONFIG_HELP)
    parser.add_argument(
        "--source-fps", type=rate, default=25.0, metavar="F", help="frames a second of a camera (default 25)"
    )
    parser.add_argument(
        "--jitter",
        type=milliseconds,
        default=1.0,
        metavar="MS",
        help="how much too early or late a frame may come, in milliseconds (default 1)",
    )
    parser.add_argument(
        "--size", type=frame_size, default=(1920, 1080), metavar="WxH", help="of a frame (default 1920x1080)"
    )
    parser.add_argument(
        "--hosts", type=positive, metavar="CAMERAS", help="count the hosts for so many cameras like these"
    )
    parser.add_argument("--cores", type=positive, metavar="N", help="of a host (default: of this one)")
    parser.add_argument(
        "--memory", type=byte_size, metavar="SIZE", help="of a host, like 64G (default: of this one)"
    )
    parser.add_argument("--json", action="store_true", help="print one object")


def run(options: argparse.Namespace) -> int:
    """Simulates, and prints what comes of it."""
    plan = read_plan(options.config)
    from launch.sizing.forecast import forecast_of
    from launch.sizing.host import Host
    from launch.sizing.source import Source
    from launch.sizing.text import as_json, as_text
    from launch.terminal import columns_of, ellipsis_of

    host = Host(
        options.cores or len(os.sched_getaffinity(0)),
        options.memory or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
    )
    source = Source(options.source_fps, round(options.jitter * 1_000_000))
    forecast = forecast_of(plan, source, options.size, host, options.hosts)
    out = sys.stdout
    out.write(as_json(forecast) if options.json else as_text(forecast, columns_of(out), ellipsis_of(out)))
    return EXIT_OK
