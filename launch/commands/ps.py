"""``ruth ps``: the per-camera processes, once (:mod:`launch.agent_view`, :mod:`launch.ps`)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from launch.config_file import add_config, configured_cameras
from launch.messages import report_problems
from launch.roots import state_root_here

if TYPE_CHECKING:
    import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print an array, one object a camera")


def run(options: argparse.Namespace) -> int:
    """Prints what is there now; 1 if not everything of a camera could be told."""
    configured = configured_cameras(options.config) or []
    from launch.agent_view import view_all
    from launch.ps import as_json, as_table
    from launch.terminal import columns_of, ellipsis_of, in_colour

    views = view_all(state_root_here(), configured)
    out = sys.stdout
    if options.json:
        out.write(as_json(views))
    else:
        out.write(as_table(views, columns_of(out), ellipsis_of(out), colour=in_colour(out)))
    return report_problems((view.camera_id, view.problem) for view in views)
