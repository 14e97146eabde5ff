"""Reads a ``ruth.toml``: which file, path to plan, plan to agents. Rules: :mod:`launch.prepare.config`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final
from zlib import crc32

from launch.exits import UsageError
from launch.screen.messages import message
from launch.text_file import STDIN, TextFileError, name_of, read_named_text

if TYPE_CHECKING:
    import argparse

    from launch.prepare.config.plan import HostPlan
    from ruth.core import RuthCore

DEFAULT_PATHS: Final = ("ruth.toml", "/etc/ruth/ruth.toml")
"""Where a configuration is looked for that is not named: the first of these that exists."""
CONFIG_HELP: Final = (
    "cameras and models of this host; - is stdin (default: ./ruth.toml, else /etc/ruth/ruth.toml)"
)


def add_config(parser: argparse.ArgumentParser, *, positional: bool = False) -> None:
    """Gives a verb ``-c CONFIG``, and for those that have always had it, CONFIG as an argument as well."""
    if positional:
        parser.add_argument("config_argument", nargs="?", metavar="CONFIG", help=CONFIG_HELP)
    text = "the same as an option" if positional else CONFIG_HELP
    parser.add_argument("-c", "--config", metavar="CONFIG", help=text)


def config_path(options: argparse.Namespace) -> str:
    """The configuration that a verb is to read, as named or by default.

    Raises:
        UsageError: It is named twice, or neither named nor in one of its places.

    """
    argument: str | None = getattr(options, "config_argument", None)
    named: str | None = options.config
    if argument is not None and named is not None:
        raise UsageError("ruth: CONFIG is given twice: as an argument, and with -c")
    path = named if argument is None else argument
    if path is None:
        path = _default_path()
    if path is None:
        raise UsageError(
            f"ruth: no configuration: neither {' nor '.join(DEFAULT_PATHS)} exists; name one with -c"
        )
    return path


def configuration_number(path: str) -> int:
    """What stands for a configuration in the records of agents that were launched from it.

    Args:
        path: The file as it was named; a link counts by its own name.

    Returns:
        CRC-32 of its absolute path (docs/agent-state.md); 0 for standard input.

    """
    return crc32(os.fsencode(absolute_path(path)))


def absolute_path(path: str) -> str:
    """The configuration's absolute path; empty for standard input."""
    return "" if path == STDIN else os.path.abspath(path)


def read_plan(path: str) -> HostPlan:
    """The plan in the file at ``path``.

    Raises:
        UsageError: It cannot be read or is not valid; the text names everything that is wrong.

    """
    return plan_in(read_text(path), path)


def plan_in(text: str, path: str) -> HostPlan:
    """The plan in ``text``, which was read at ``path``.

    Raises:
        UsageError: It is not valid; the text names everything that is wrong.

    """
    from launch.prepare.config.plan import ConfigError, parse_config

    try:
        return parse_config(text)
    except ConfigError as error:
        name = name_of(path)
        raise UsageError("\n".join(problem.text(name) for problem in error.problems)) from None


def configured_cameras(path: str | None) -> list[str] | None:
    """The cameras of a configuration, in its order, for verbs that also work without one.

    As :func:`configured`.
    """
    found = configured(path)
    return None if found is None else [camera.camera_id for camera in found[1].cameras]


def configured(path: str | None) -> tuple[str, HostPlan] | None:
    """Path and plan of a configuration, for verbs that also work without one.

    Args:
        path: The file as it was named. None for the default one, if it exists: where that cannot be
            read or is not valid, a message says so, and the verb does without.

    Returns:
        None if there is no configuration.

    Raises:
        UsageError: As :func:`read_plan` does, if the file was named.

    """
    found = _default_path() if path is None else path
    if found is None:
        return None
    try:
        plan = read_plan(found)
    except UsageError as error:
        if path is not None:
            raise
        first, *more = str(error).splitlines()
        message(f"{first}{f' (and {len(more)} more: ruth check)' if more else ''}; shown without it")
        return None
    return found, plan


def core_of(plan: HostPlan) -> RuthCore:
    """A new core with the agents and subscriptions of ``plan``."""
    from ruth.core import RuthCore

    core = RuthCore()
    for camera in plan.cameras:
        for model in camera.models:
            core.subscribe(camera.camera_id, model.model_id, model.max_fps, model.active)
    return core


def read_text(path: str) -> str:
    """The text at ``path``, which need not be a valid configuration.

    Raises:
        UsageError: It cannot be read, is too long or not UTF-8.

    """
    try:
        return read_named_text(path)
    except TextFileError as error:
        raise UsageError(f"ruth: {name_of(path)}: {error}") from None


def schema_text() -> str:
    """The JSON schema of a configuration, as it is installed beside the rules that it follows."""
    from importlib.resources import files

    return files("launch.prepare.config").joinpath("ruth.schema.json").read_text(encoding="utf-8")


def _default_path() -> str | None:
    return next((path for path in DEFAULT_PATHS if os.path.lexists(path)), None)
