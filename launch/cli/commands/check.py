"""``ruth check``: validates a configuration, every error at once (:mod:`launch.prepare.config`)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from launch.exits import EXIT_OK, EXIT_USAGE, UsageError
from launch.prepare.config_file import add_config, config_path, plan_in, read_text, schema_text
from launch.screen.messages import message
from launch.text_file import name_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from launch.prepare.config.plan import HostPlan
    from launch.prepare.config.problem import Problem


def add_options(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    add_config(parser, positional=True)
    parser.add_argument("--show", action="store_true", help="print what each camera has in the end")
    parser.add_argument("--json", action="store_true", help="print one object: errors, warnings, cameras")
    parser.add_argument("--schema", action="store_true", help="print a JSON schema of ruth.toml, for editors")


def run(options: argparse.Namespace) -> int:
    """Says how much is in a valid file; of another one, what is wrong with it.

    Raises:
        UsageError: It is not valid, and not to be shown as JSON; the text names every error.

    """
    if options.schema:
        sys.stdout.write(schema_text())
        return EXIT_OK
    path = config_path(options)
    if options.json:
        return _check_json(path)
    text = read_text(path)
    plan = plan_in(text, path)
    from launch.prepare.config.plan import suspicions_in

    name = name_of(path)
    for suspicion in suspicions_in(text):
        message(suspicion.text(name, "warning"))
    out = sys.stdout
    if options.show:
        from launch.prepare.config.report import as_table
        from launch.screen.terminal import columns_of, ellipsis_of

        out.write(as_table(plan, columns_of(out), ellipsis_of(out)))
    else:
        models = sum(len(camera.models) for camera in plan.cameras)
        out.write(f"{name}: ok, cameras: {len(plan.cameras)}, subscriptions: {models}\n")
    return EXIT_OK


def _check_json(path: str) -> int:
    from launch.prepare.config.plan import ConfigError, parse_config, suspicions_in
    from launch.prepare.config.report import as_json

    plan: HostPlan | None = None
    errors: Sequence[Problem | str] = ()
    warnings: Sequence[Problem] = ()
    try:
        text = read_text(path)
        plan = parse_config(text)
        warnings = suspicions_in(text)
    except ConfigError as error:
        errors = error.problems
    except UsageError as error:
        errors = [str(error).removeprefix("ruth: ")]
    sys.stdout.write(as_json(name_of(path), plan, errors, warnings))
    return EXIT_USAGE if plan is None else EXIT_OK
