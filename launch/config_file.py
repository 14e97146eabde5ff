"""Reads a ``ruth.toml``: path to plan, and plan to agents. What may stand in it: :mod:`launch.config`."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from launch.exits import UsageError

if TYPE_CHECKING:
    from launch.config.plan import HostPlan
    from ruth.core import RuthCore

CONFIG_HELP: Final = "the cameras and models of this host, a ruth.toml"
_CONFIG_BYTES_MAX: Final = 16 * 1024 * 1024


def read_plan(path: str) -> HostPlan:
    """The plan in the file at ``path``.

    Raises:
        UsageError: It cannot be read or is not valid; the text names everything that is wrong.

    """
    from launch.config.plan import ConfigError, parse_config

    try:
        text = _read_regular(path).decode()
    except OSError as error:
        raise UsageError(f"ruth: {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"ruth: {path}: not UTF-8 at byte {error.start}") from None
    try:
        return parse_config(text)
    except ConfigError as error:
        raise UsageError("\n".join(problem.text(path) for problem in error.problems)) from None


def configured_cameras(path: str | None) -> list[str]:
    """The cameras of the file at ``path``, in its order; none without a path.

    Raises:
        UsageError: As :func:`read_plan` does.

    """
    return [] if path is None else [camera.camera_id for camera in read_plan(path).cameras]


def core_of(plan: HostPlan) -> RuthCore:
    """A new core with the agents and subscriptions of ``plan``."""
    from ruth.core import RuthCore

    core = RuthCore()
    for camera in plan.cameras:
        for model in camera.models:
            core.subscribe(camera.camera_id, model.model_id, model.max_fps, model.active)
    return core


def _read_regular(path: str) -> bytes:
    """A file that is one: neither a FIFO, which would block, nor a device, which would never end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(f"ruth: {path}: not a regular file")
        if status.st_size > _CONFIG_BYTES_MAX:
            raise UsageError(f"ruth: {path}: {status.st_size} bytes, at most {_CONFIG_BYTES_MAX}")
        return file.read()
