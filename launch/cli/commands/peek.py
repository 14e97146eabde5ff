"""``ruth peek``: the newest frame, in the terminal or as a PNG (:mod:`launch.observe.peek`)."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Final

from launch.exits import EXIT_FAILURE, EXIT_OK, UsageError
from launch.roots import export_root_here
from launch.screen.messages import message
from ruth.text import printable

if TYPE_CHECKING:
    import argparse

    from launch.observe.peek.frame import CopiedFrame, NoFrame

_STDOUT: Final = "-"
_LINES_BESIDE: Final = 2  # the line about the frame, and the prompt that follows


def add_options(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("camera", metavar="CAMERA", help="which")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write the whole frame there as a PNG; '-' is standard output"
    )


def run(options: argparse.Namespace) -> int:
    """Reads once, and shows what it saw.

    Raises:
        UsageError: The PNG cannot go where it is to go.
        InvalidIdError: The camera is not a valid id.
        OSError: The PNG cannot be written.

    """
    from launch.observe.peek.caption import describe
    from launch.observe.peek.frame import NoFrame, copy_newest
    from ruth.export.source import ExportSource

    root = export_root_here()
    source = ExportSource(root, options.camera)
    _check_output(options.output)
    with source:
        frame = copy_newest(source)
    now = time.monotonic_ns(), time.time_ns()  # before anything is loaded that takes longer than a frame
    if isinstance(frame, NoFrame):
        message(_why(frame, root, options.camera))
        return EXIT_FAILURE
    _show(frame, describe(options.camera, frame.record, *now), options.output)
    return EXIT_OK


def _check_output(output: str | None) -> None:
    if output == _STDOUT and sys.stdout.isatty():
        raise UsageError("ruth: a PNG is nothing for a terminal: give -o a file, or redirect the output")
    if output is None or output == _STDOUT:
        return
    if not output:
        raise UsageError("ruth: -o '': the name of a file is empty ('-' is standard output)")
    from launch.observe.peek.output import replaceable

    problem = replaceable(output)
    if problem is not None:
        raise UsageError(f"ruth: {printable(output)}: {problem}")


def _why(no_frame: NoFrame, root: str, camera_id: str) -> str:
    if not no_frame.absent:
        return f"ruth: {camera_id}: {no_frame.reason}"
    said = f"ruth: {camera_id}: no export: {no_frame.reason}"
    from launch.roots import known_cameras
    from launch.screen.nearest import nearest

    try:
        known = known_cameras(root)
    except OSError:
        return said
    return said if camera_id in known else said + nearest(camera_id, known)


def _show(frame: CopiedFrame, about: str, output: str | None) -> None:
    from launch.observe.peek.picture import as_png, as_text

    if output == _STDOUT:
        sys.stdout.buffer.write(as_png(frame))
        sys.stdout.buffer.flush()
        return
    if output is not None:
        from launch.observe.peek.output import put

        put(output, as_png(frame))
        sys.stdout.write(f"{about}, in {printable(output)}\n")
        return
    from shutil import get_terminal_size

    from launch.observe.peek.cells import depth_of
    from launch.screen.table import cut
    from launch.screen.terminal import columns_of, ellipsis_of

    out = sys.stdout
    columns, lines = get_terminal_size()
    depth = depth_of(os.environ, terminal=out.isatty(), encoding=out.encoding)
    out.write(as_text(frame, columns, lines - _LINES_BESIDE, depth))
    limit = columns_of(out)
    out.write(f"{about if limit is None else cut(about, limit, ellipsis_of(out))}\n")
