"""``ruth vas``: the stand-in video server (:mod:`launch.vas`)."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from launch.argument_types import seconds
from launch.exits import EXIT_FAILURE, EXIT_OK, UsageError
from launch.messages import message

if TYPE_CHECKING:
    import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.epilog = (
        "Frames are exported only with AI_FRAME_EXPORT_ENABLED=true (1, yes, on) in the environment,"
        " below VAS_EXPORT_ROOT (default /dev/shm/vas)."
    )
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="CAMERA=SOURCE",
        help="SOURCE is a file, rtsp://HOST/PATH, or 'test' (test:WxH@FPS)",
    )
    parser.add_argument("--recordings", metavar="DIR", help="keep the recordings there")
    parser.add_argument("--once", action="store_true", help="play files once, not over and over")
    parser.add_argument("--seconds", type=seconds, metavar="S", help="end after so long")
    parser.add_argument(
        "--export-version",
        type=int,
        choices=(1, 2),
        default=2,
        help="2, or 1 to export as the frozen VAS does (default 2)",
    )
    parser.add_argument("--json", action="store_true", help="print the summary as one object")


def run(options: argparse.Namespace) -> int:
    """Runs until it is told to end, then prints a summary; 1 if a camera failed."""
    from launch.vas.ffmpeg import FFmpegMissingError, find_ffmpeg
    from launch.vas.process import run_vas
    from launch.vas.source import SourceError, parse_sources

    try:
        summary = run_vas(
            parse_sources(options.sources),
            ffmpeg=find_ffmpeg(os.environ),
            recordings=options.recordings,
            once=options.once,
            seconds=options.seconds,
            environ=os.environ,
            err=sys.stderr,
            export_version=options.export_version,
        )
    except SourceError as error:
        raise UsageError("\n".join(f"ruth: {problem}" for problem in error.problems)) from None
    except FFmpegMissingError as error:
        message(f"ruth: {error}")
        return EXIT_FAILURE
    sys.stdout.write(json.dumps(summary.as_json()) + "\n" if options.json else summary.as_text())
    return EXIT_FAILURE if summary.failed else EXIT_OK
