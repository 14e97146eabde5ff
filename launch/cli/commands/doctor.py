"""``ruth doctor``: is this host fit for its cameras (:mod:`launch.prepare.doctor`)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from launch.exits import EXIT_FAILURE, EXIT_OK
from launch.prepare.config_file import add_config, configured
from launch.roots import export_root_here, state_root_here

if TYPE_CHECKING:
    import argparse

    from launch.prepare.config.plan import HostPlan


def add_options(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print an array, one object a finding")


def run(options: argparse.Namespace) -> int:
    """Looks, and says what it found.

    Returns:
        EXIT_FAILURE if something would stop ``ruth up``.

    Raises:
        UsageError: The configuration is wrong.

    """
    found = configured(options.config)
    cameras = None if found is None else [camera.camera_id for camera in found[1].cameras]
    from launch.agent.confine.confinement import would_confine
    from launch.agent.native.library import load, ruled_out
    from launch.agent.native.source import COMMAND
    from launch.prepare.doctor.facts import NativeStatus
    from launch.prepare.doctor.gather import gather
    from launch.prepare.doctor.judge import judge, stops_launch
    from launch.prepare.doctor.report import as_json, as_text
    from launch.screen.terminal import columns_of, in_colour

    exports = export_root_here()
    native = NativeStatus(load()[1], ruled_out(), COMMAND)
    states = state_root_here()
    differences = _what_differs(states, *found) if found is not None else []
    findings = judge(gather(exports, states, cameras, would_confine(exports), native, differences))
    out = sys.stdout
    if options.json:
        out.write(as_json(findings))
    else:
        out.write(as_text(findings, columns_of(out), colour=in_colour(out)))
    return EXIT_FAILURE if stops_launch(findings) else EXIT_OK


def _what_differs(states: str, path: str, plan: HostPlan) -> list[str]:
    from launch.prepare.comparison import what_differs

    try:
        return what_differs(states, path, plan)
    except OSError:  # judged as a folder that cannot be read
        return []
