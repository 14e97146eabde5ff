"""``ruth demo``: everything at once, on its own shared memory (:mod:`launch.demo`)."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from launch.cli.argument_types import count, seconds
from launch.exits import EXIT_FAILURE, EXIT_OK, UsageError
from launch.screen.messages import message

if TYPE_CHECKING:
    import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("--cameras", type=count, default=None, metavar="N", help="how many (default 4)")
    parser.add_argument("--seconds", type=seconds, default=20.0, metavar="S", help="how long (default 20)")
    parser.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="SRC",
        help="a file, an address or 'test', as for ruth vas; may be repeated (default: test)",
    )
    parser.add_argument("--json", action="store_true", help="print only the summary, as one object")


def run(options: argparse.Namespace) -> int:
    """Runs the demo to its end and prints its summary."""
    from launch.demo.live import LiveTable
    from launch.demo.run import CAMERA_NAMES, DemoError, DemoPlan, run_demo
    from launch.vas.ffmpeg import FFmpegMissingError, find_ffmpeg
    from launch.vas.source import SourceError, parse_sources

    given = options.source or ["test"]
    total = options.cameras or max(4, len(given))
    cameras = tuple(
        CAMERA_NAMES[index] if index < len(CAMERA_NAMES) else f"camera-{index + 1}" for index in range(total)
    )
    sources = tuple(f"{camera}={given[index % len(given)]}" for index, camera in enumerate(cameras))
    table = LiveTable(sys.stderr if options.json else sys.stdout)
    try:
        parse_sources(sources[: len(given)])  # each that is used, once
        find_ffmpeg(os.environ)
        summary = run_demo(DemoPlan(cameras, sources, options.seconds), table.show)
    except SourceError as error:
        raise UsageError("\n".join(f"ruth: {problem}" for problem in error.problems)) from None
    except BrokenPipeError:  # the reader of the table has gone: main() knows what to do
        raise
    except (FFmpegMissingError, DemoError, OSError) as error:
        message(f"ruth: {error}")
        return EXIT_FAILURE
    sys.stdout.write(json.dumps(summary.as_json()) + "\n" if options.json else summary.as_text())
    return EXIT_OK
