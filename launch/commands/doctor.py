"""``ruth doctor``: is this host fit for its cameras (:mod:`launch.doctor`)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from launch.config_file import add_config, configured_cameras
from launch.exits import EXIT_FAILURE, EXIT_OK
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
    from launch.doctor.gather import gather
    from launch.doctor.judge import judge, stops_launch
    from launch.doctor.report import as_json, as_text
    from launch.terminal import columns_of, in_colour

    findings = judge(gather(export_root_here(), state_root_here(), configured))
    out = sys.stdout
    if options.json:
        out.write(as_json(findings))
    else:
        out.write(as_text(findings, columns_of(out), colour=in_colour(out)))
    return EXIT_FAILURE if stops_launch(findings) else EXIT_OK
