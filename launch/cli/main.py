"""The ``ruth`` command: finds the verb, runs it, and turns what it raises into a message and an exit code.

Data goes to stdout, messages to stderr. Exit codes: :mod:`launch.exits`. Only the module of the verb that
was asked for is loaded, and each imports what it needs when it runs, so that a launcher and its agents hold
nothing of the others.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol, cast

from launch.cli.verbs import VERB_NAMES, VERBS
from launch.exits import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE, UsageError
from launch.screen.messages import describe, message
from launch.screen.nearest import nearest
from launch.screen.terminal import escape_unencodable
from ruth import __version__
from ruth.errors import InvalidIdError
from ruth.text import COMPOSED, printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence


_VERB_INDENT: Final = 4
_SHOWN_MAX: Final = 60  # characters of a word that is not a verb


class _Help(argparse.HelpFormatter):
    """Leaves room for the longest verb, which argparse forgets is set in further than options are."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        self._action_max_length = _VERB_INDENT + max(len(verb.name) for verb in VERBS)


class _Parser(argparse.ArgumentParser):
    """Quotes arguments in its errors only as they may be shown."""

    _arguments: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As argparse has it."""
        self._arguments = args or ()
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """As argparse has it; exit code 2."""
        super().error(printable(_without_secrets(message, self._arguments), None, keep=COMPOSED))


class _VerbParser(_Parser):
    """Takes options between arguments, and refuses what a verb does not know itself.

    argparse leaves the unknown to the parser above, with that one's usage.
    """

    _intermixed = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As argparse has it, but options may be between arguments, and nothing is left over.

        Raises:
            SystemExit: Something is; exit code 2.

        """
        if self._intermixed:  # asked by the other, for one kind at a time
            return super().parse_known_args(args, namespace)
        self._intermixed = True
        found, unknown = self.parse_known_intermixed_args(args, namespace)
        self._intermixed = False
        if unknown:
            known = [name for action in self._actions for name in action.option_strings]
            meant = nearest(unknown[0], known) if unknown[0].startswith("-") else ""
            self.error(f"unknown: {' '.join(map(printable, unknown))}{meant}")
        return found, unknown


class _Command(Protocol):
    """A module of :mod:`launch.cli.commands`."""

    def add_options(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, options: argparse.Namespace) -> int: ...


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb. Returns its exit code; never a traceback for what a user can do wrong."""
    _open_standard_descriptors()
    if (resumed := _resumed()) is not None:
        return resumed
    escape_unencodable(sys.stdout, sys.stderr)
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given and not given[0].startswith("-") and given[0] not in VERB_NAMES:
        message(no_verb(given[0]))
        return EXIT_USAGE
    parser = parser_of(given)
    if not given:
        parser.print_help(sys.stderr)
        return EXIT_USAGE
    options = parser.parse_args(given)

    def refuse(text: str) -> None:
        message(_without_secrets(text, given))

    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except UsageError as error:
        refuse(str(error))
        return EXIT_USAGE
    except InvalidIdError as error:
        refuse(f"ruth: {error}")
        return EXIT_USAGE
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            refuse(f"ruth: {describe(error)}")
        _leave_broken_stdout()
        return EXIT_FAILURE
    except MemoryError as error:
        message(f"ruth: {describe(error)}")
        return EXIT_FAILURE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return code


def _resumed() -> int | None:
    """The exit code of a launcher that has started over, whatever its arguments; None for other processes."""
    from launch.launcher.start_over import descriptor_of_this_launcher

    descriptor = descriptor_of_this_launcher()
    if descriptor is None:
        return None
    from launch.launcher.resume import resume

    return resume(descriptor)


def no_verb(name: str) -> str:
    """What is said about a verb that there is not."""
    from launch.screen.redaction import redact  # an address may have got in its place

    return f"ruth: no verb '{printable(redact(name), _SHOWN_MAX)}'{nearest(name, VERB_NAMES)}"


def parser_of(names: Collection[str]) -> argparse.ArgumentParser:
    """The parser of the command line.

    Args:
        names: Verbs whose options it shall know; the others are only listed. Anything else in it is ignored,
            so that the arguments themselves can be passed: options before the verb take no value.

    """
    parser = _Parser(
        prog="ruth",
        description="Per-camera AI frame tap: one process per camera decides which frames a model may have.",
        epilog="Exit codes: 0 ok, 1 failure, 2 wrong usage or configuration, 130 interrupted.",
        formatter_class=_Help,
    )
    parser.add_argument("--version", action="version", version=f"ruth {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True, parser_class=_VerbParser)
    for verb in VERBS:
        verb_parser = verbs.add_parser(verb.name, help=verb.text, description=verb.text)
        if verb.name in names:
            command = cast("_Command", import_module(f"launch.cli.commands.{verb.name}"))
            command.add_options(verb_parser)
            verb_parser.set_defaults(run=command.run)
    return parser


def _without_secrets(text: str, arguments: Iterable[str]) -> str:
    try:
        from launch.screen.redaction import without_secrets  # only what goes wrong needs it
    except (ImportError, OSError, MemoryError) as error:  # what cannot be hidden is not shown
        return f"ruth: {describe(error)}"
    return without_secrets(text, arguments)


def _open_standard_descriptors() -> None:
    """Puts /dev/null where 0 to 2 are closed, as under some daemons: the next file would get the number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError as error:
            if error.errno != errno.EBADF:
                continue  # open, and nothing can be told of it
            null = os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one
            setattr(sys, name, os.fdopen(null, "r" if number == 0 else "w"))


def _leave_broken_stdout() -> None:
    """The reader of stdout has gone: the interpreter must not complain at exit (signal(7), SIGPIPE)."""
    with suppress(OSError):  # no descriptor left for it
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


if __name__ == "__main__":
    sys.exit(main())
