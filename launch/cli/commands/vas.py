"""``ruth vas``: the stand-in video server (:mod:`launch.vas`)."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from launch.cli.argument_types import seconds, slots
from launch.exits import EXIT_FAILURE, EXIT_OK, UsageError
from launch.screen.messages import message

if TYPE_CHECKING:
    import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.epilog = (
        "Frames are exported only with AI_FRAME_EXPORT_ENABLED=true (1, yes, on) in the environment,"
        " below VAS_EXPORT_ROOT (default /dev/shm/vas)."
    )
    parser.add_argument(
        "cameras",
        nargs="*",
        metavar="CAMERA=SOURCE",
        help="SOURCE is a file, rtsp://HOST/PATH, http://..., /dev/video0, or 'test' (test:WxH@FPS)",
    )
    parser.add_argument(
        "--sources", metavar="FILE", help='more of them from a file that only you may read: CAMERA = "SOURCE"'
    )
    parser.add_argument("--recordings", metavar="DIR", help="keep the recordings there, none overwritten")
    parser.add_argument("--once", action="store_true", help="play files once, not over and over")
    parser.add_argument("--seconds", type=seconds, metavar="S", help="end after so long")
    parser.add_argument(
        "--export-version",
        type=int,
        choices=(1, 2),
        default=2,
        help="2, or 1 to export as the frozen VAS does (default 2)",
    )
    parser.add_argument(
        "--slots", type=slots, metavar="N", help="frames that each camera's ring holds, 2 to 62 (default 4)"
    )
    parser.add_argument("--json", action="store_true", help="print the summary as one object")


def run(options: argparse.Namespace) -> int:
    """Runs until it is told to end, then prints a summary; 1 if a camera failed."""
    from launch.vas.ffmpeg import FFmpegMissingError, find_ffmpeg
    from launch.vas.process import run_vas
    from launch.vas.source import SourceError, parse_sources
    from launch.vas.sources_file import read_sources
    from ruth.export.layout import VERSION_2

    if options.slots is not None and options.export_version != VERSION_2:
        raise UsageError("ruth: --slots is for --export-version 2: version 1 has one frame")
    try:
        more = [] if options.sources is None else read_sources(options.sources)
        sources = parse_sources(options.cameras, more)
        if not sources:
            raise UsageError("ruth: no camera: CAMERA=SOURCE..., or --sources FILE")
        summary = run_vas(
            sources,
            ffmpeg=find_ffmpeg(os.environ),
            recordings=options.recordings,
            once=options.once,
            seconds=options.seconds,
            environ=os.environ,
            err=sys.stderr,
            export_version=options.export_version,
            slots=options.slots,
        )
    except SourceError as error:
        raise UsageError("\n".join(f"ruth: {problem}" for problem in error.problems)) from None
    except FFmpegMissingError as error:
        message(f"ruth: {error}")
        return EXIT_FAILURE
    sys.stdout.write(json.dumps(summary.as_json()) + "\n" if options.json else summary.as_text())
    return EXIT_FAILURE if summary.failed else EXIT_OK
