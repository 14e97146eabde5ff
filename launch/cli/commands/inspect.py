"""``ruth inspect``: everything about one camera (:mod:`launch.observe.inspection`)."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from launch.exits import EXIT_FAILURE
from launch.prepare.config_file import add_config, configured_cameras
from launch.roots import export_root_here, state_root_here
from launch.screen.messages import message, report_problems

if TYPE_CHECKING:
    import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("camera", metavar="CAMERA", help="which")
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print one object")


def run(options: argparse.Namespace) -> int:
    """Reads once, and says what it saw; 1 if the camera is not known, or not everything could be told.

    Raises:
        InvalidIdError: The camera is not a valid id.

    """
    configured = configured_cameras(options.config) or []
    from launch.observe.inspection.inspection import inspect_camera
    from launch.observe.inspection.text import as_text
    from launch.roots import known_cameras
    from launch.screen.nearest import nearest
    from launch.screen.terminal import columns_of, ellipsis_of, in_colour

    found = inspect_camera(state_root_here(), export_root_here(), options.camera)
    if not found.known:
        here = {*configured, *known_cameras(state_root_here()), *known_cameras(export_root_here())}
        if options.camera not in here:
            nearest_ones = nearest(options.camera, sorted(here))
            message(f"ruth: {options.camera}: no agent and no export{nearest_ones}")
            return EXIT_FAILURE
    out = sys.stdout
    if options.json:
        out.write(json.dumps(found.as_json(), indent=2) + "\n")
    else:
        out.write(as_text(found, columns_of(out), ellipsis_of(out), colour=in_colour(out)))
    return report_problems([(options.camera, found.view.problem)])
