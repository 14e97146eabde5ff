"""``ruth plan``: what a configuration will come to, before it runs (:mod:`launch.prepare.sizing`)."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from launch.cli.argument_types import byte_size, frame_size, milliseconds, positive, rate, slots
from launch.exits import EXIT_FAILURE, EXIT_OK
from launch.prepare.config_file import add_config, config_path, read_plan
from launch.roots import export_root_here, state_root_here
from launch.screen.messages import message

if TYPE_CHECKING:
    import argparse

    from launch.prepare.config.plan import HostPlan

# What is assumed of cameras unless it is stated.
SOURCE_FPS: Final = 25.0
JITTER_MS: Final = (
    0.0  # as with presentation times (ruth.vas.frame_time); a writer that has none stamps arrivals
)
SIZE: Final = (1920, 1080)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    add_config(parser, positional=True)
    parser.add_argument(
        "--source-fps", type=rate, metavar="F", help=f"frames per second of a camera (default {SOURCE_FPS:g})"
    )
    parser.add_argument(
        "--jitter",
        type=milliseconds,
        metavar="MS",
        help=f"how much too early or late a frame may be stamped, in milliseconds (default {JITTER_MS:g})",
    )
    parser.add_argument(
        "--burst",
        type=positive,
        metavar="N",
        default=1,
        help="frames of a camera that arrive together, as over Wi-Fi (default 1)",
    )
    parser.add_argument(
        "--slots",
        type=slots,
        metavar="N",
        help="frames that a camera's ring holds, 2 to 62 (default 4)",
    )
    parser.add_argument(
        "--size", type=frame_size, metavar="WxH", help="of a frame (default {}x{})".format(*SIZE)
    )
    parser.add_argument(
        "--hosts", type=positive, metavar="CAMERAS", help="count the hosts for so many cameras like these"
    )
    parser.add_argument("--cores", type=positive, metavar="N", help="of a host (default: of this one)")
    parser.add_argument(
        "--memory", type=byte_size, metavar="SIZE", help="of a host, like 64G (default: of this one)"
    )
    parser.add_argument(
        "--write", metavar="DIR", help="make this folder, with a configuration of its own for each host"
    )
    parser.add_argument("--json", action="store_true", help="print one object")


def run(options: argparse.Namespace) -> int:
    """Simulates, and prints what comes of it."""
    plan = read_plan(config_path(options))
    from launch.prepare.doctor.mounts import shared_page_bytes
    from launch.prepare.sizing.forecast import forecast_of
    from launch.prepare.sizing.host import HostSize
    from launch.prepare.sizing.source import Source
    from launch.prepare.sizing.text import as_json, as_text
    from launch.screen.terminal import columns_of, ellipsis_of
    from ruth.export.layout import SLOT_COUNT_DEFAULT

    host = HostSize(
        options.cores or len(os.sched_getaffinity(0)),
        options.memory or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        shared_page_bytes(export_root_here(), state_root_here()),
    )
    assumed = []
    if options.source_fps is None:
        assumed.append(f"--source-fps {SOURCE_FPS:g}")
    if options.jitter is None:
        assumed.append(f"--jitter {JITTER_MS:g}")
    if options.size is None:
        assumed.append("--size {}x{}".format(*SIZE))
    jitter_ms = JITTER_MS if options.jitter is None else options.jitter
    ring = options.slots or SLOT_COUNT_DEFAULT
    source = Source(options.source_fps or SOURCE_FPS, round(jitter_ms * 1_000_000), options.burst, ring)
    forecast = forecast_of(plan, source, options.size or SIZE, host, options.hosts, tuple(assumed))
    out = sys.stdout
    out.write(as_json(forecast) if options.json else as_text(forecast, columns_of(out), ellipsis_of(out)))
    return EXIT_OK if options.write is None else _write(options.write, plan, forecast.room.cameras)


def _write(folder: str, plan: HostPlan, per_host: int) -> int:
    """Makes the folder and in it a configuration per host; overwrites nothing.

    Raises:
        OSError: It cannot be made, or is there already.

    """
    if per_host < 1:
        message("ruth: one camera is too much for such a host (--cores, --memory): nothing was written")
        return EXIT_FAILURE
    from launch.observe.peek.output import put
    from launch.prepare.sizing.host_files import host_files

    os.mkdir(folder)
    for file in host_files(plan, per_host):
        path = os.path.join(folder, file.name)
        put(path, file.content.encode("ascii"))
        message(f"ruth: {path}: cameras for one host, at most {per_host}")
    return EXIT_OK
