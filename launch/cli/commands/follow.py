"""``ruth follow``: an agent's decisions as it takes them (:mod:`launch.observe.follow`)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from launch.cli.argument_types import positive, seconds
from launch.exits import EXIT_FAILURE, EXIT_OK, UsageError
from launch.roots import export_root_here, state_root_here
from launch.screen.messages import message

if TYPE_CHECKING:
    import argparse

    from launch.observe.follow.stream import ChangeWriter


def add_options(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("camera", metavar="CAMERA", help="which")
    parser.add_argument(
        "--model", action="append", default=[], metavar="M", help="only this model; may be repeated"
    )
    parser.add_argument("-n", "--frames", type=positive, metavar="N", help="end after so many frames")
    parser.add_argument("--seconds", type=seconds, metavar="S", help="end after so long")
    parser.add_argument("--json", action="store_true", help="print objects, one per line")


def run(options: argparse.Namespace) -> int:
    """Follows until it is told to end.

    Raises:
        UsageError: The camera's agent has not a model that was asked for.
        InvalidIdError: The camera or a model is not a valid id.
        BrokenPipeError: No process reads any more.

    """
    from launch.observe.follow.stream import follow
    from launch.observe.follow.watch import Watch
    from ruth.identity import check_id

    models = frozenset(check_id("model", model) for model in options.model)
    root = state_root_here()
    try:
        watch = Watch(root, export_root_here(), options.camera)
    except OSError as error:
        message(_why(error, root, options.camera))
        return EXIT_FAILURE
    with watch:
        _check_models(root, options.camera, models)
        follow(watch, _writer(options, models), sys.stdout, options.frames, options.seconds)
    return EXIT_OK


def _why(error: OSError, root: str, camera_id: str) -> str:
    if not isinstance(error, FileNotFoundError):
        return f"ruth: {camera_id}: {error.filename or 'agent.state'}: {error.strerror}"
    from launch.roots import known_cameras
    from launch.screen.nearest import nearest

    try:
        known = [known for known in known_cameras(root) if known != camera_id]
    except OSError:
        known = []
    return f"ruth: {camera_id}: no agent was ever launched{nearest(camera_id, known)}"


def _check_models(root: str, camera_id: str, models: frozenset[str]) -> None:
    from launch.observe.liveness import read_sighting

    sighting = read_sighting(root, camera_id)
    if not sighting.alive or sighting.record is None:
        return  # the next agent may have them
    there = [model.model_id for model in sighting.record.models]
    unknown = sorted(models.difference(there))
    if unknown:
        from launch.screen.nearest import nearest

        problems = [f"ruth: {camera_id}: no model {model!r}{nearest(model, there)}" for model in unknown]
        raise UsageError("\n".join(problems))


def _writer(options: argparse.Namespace, models: frozenset[str]) -> ChangeWriter:
    if options.json:
        from launch.observe.follow.objects import ObjectWriter

        return ObjectWriter(options.camera, models)
    import time

    from launch.observe.follow.lines import LineWriter
    from launch.screen.terminal import columns_of, ellipsis_of, in_colour

    out = sys.stdout
    return LineWriter(
        models,
        limit=lambda: columns_of(out),
        mark=ellipsis_of(out),
        colour=in_colour(out),
        wall_clock_ns=time.time_ns() - time.monotonic_ns(),
    )
