"""``ruth doctor``: is this host fit for its cameras (:mod:`launch.prepare.doctor`)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from launch.exits import EXIT_FAILURE, EXIT_OK
from launch.prepare.config_file import add_config, configured_cameras
from launch.roots import export_root_here, state_root_here

if TYPE_CHECKING:
    import argparse


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
    configured = configured_cameras(options.config)
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
    findings = judge(gather(exports, state_root_here(), configured, would_confine(exports), native))
    out = sys.stdout
    if options.json:
        out.write(as_json(findings))
    else:
        out.write(as_text(findings, columns_of(out), colour=in_colour(out)))
    return EXIT_FAILURE if stops_launch(findings) else EXIT_OK
