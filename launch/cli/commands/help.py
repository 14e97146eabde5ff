"""``ruth help``: what a verb does and takes, as its ``--help`` says."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from launch.cli.verbs import VERB_NAMES
from launch.exits import EXIT_OK, UsageError

if TYPE_CHECKING:
    import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("verb", nargs="?", metavar="VERB", help="which (default: all, one line each)")


def run(options: argparse.Namespace) -> int:
    """Prints the help.

    Raises:
        UsageError: There is no such verb.
        SystemExit: Printed, with EXIT_OK: so argparse ends after a help.

    """
    from launch.cli.main import no_verb, parser_of

    if options.verb is None:
        parser_of(()).print_help(sys.stdout)
        return EXIT_OK
    if options.verb not in VERB_NAMES:
        raise UsageError(no_verb(options.verb))
    parser_of([options.verb]).parse_args([options.verb, "--help"])
    return EXIT_OK
