"""Landlock (landlock(7)): files read-only, no TCP, no signals to others, as far as the kernel's version goes.

A rule is tied to an inode, not to a path, and an export's directory comes and goes with its video server, the
folders above it too (systemd removes a RuntimeDirectory= with its unit). So the rule is on the root of the
file system that exports lie on, which stays as long as that is mounted; which camera's files may be opened
below it is decided by name, in :mod:`launch.agent.confine.seccomp`.

The state needs no rule: it is open before the confinement, and an open file is not asked about again.
"""

from __future__ import annotations

import errno
import os
import struct
from typing import TYPE_CHECKING, Final

from launch.agent.confine.system_call import Call, system_call, unless_absent
from ruth.agent.measure import Measure

if TYPE_CHECKING:
    from collections.abc import Iterable

# The same numbers on every machine (include/uapi/asm-generic/unistd.h).
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_RULE_PATH_BENEATH: Final = 1
_NO_DESCRIPTOR: Final = 2**31 - 1
_CREATE_RULESET_VERSION: Final = 1

_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
# Rights over files by the version that brought them: all up to making a symbolic link, then REFER,
# TRUNCATE, IOCTL_DEV (include/uapi/linux/landlock.h).
_FILE_RIGHTS: Final = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
_TCP_VERSION: Final = 4
_TCP_RIGHTS: Final = 0b11  # bind, connect
_SCOPE_VERSION: Final = 6
_SCOPES: Final = 0b11  # abstract sockets, signals

_RULESET = struct.Struct("=QQQ")  # handled_access_fs, handled_access_net (version 4), scoped (version 6)
_PATH_BENEATH = struct.Struct("=Qi")  # packed in the kernel's header as well


def landlock_version(refused: list[str] | None = None) -> int:
    """The version of the kernel's interface; 0 if there is none, it is switched off, or a filter refuses it.

    Args:
        refused: As for :func:`launch.agent.confine.system_call.unless_absent`.

    """
    with unless_absent([] if refused is None else refused):
        return system_call("landlock_create_ruleset", _CREATE_RULESET, 0, 0, _CREATE_RULESET_VERSION)
    return 0


def make_ruleset(readable: Iterable[str], refused: list[str]) -> tuple[int, Measure]:
    """A ruleset that any number of processes may restrict themselves with.

    Args:
        readable: What is below these existing directories may be read; nothing else may be opened at all.
        refused: As for :func:`launch.agent.confine.system_call.unless_absent`.

    Returns:
        Its descriptor, which a child inherits (not one it executes), and what it brings; -1 and nothing if
        the kernel has no Landlock, or a filter refuses one of its calls.

    Raises:
        OSError: It has, but this failed.

    """
    version = landlock_version(refused)
    if version == 0 or not _may_restrict(refused):
        return -1, Measure(0)
    measures = Measure.LANDLOCK_FILES
    files = sum(rights for since, rights in _FILE_RIGHTS.items() if since <= version)
    tcp = scopes = 0
    size = 8
    if version >= _TCP_VERSION:
        tcp, size = _TCP_RIGHTS, 16
        measures |= Measure.LANDLOCK_TCP
    if version >= _SCOPE_VERSION:
        scopes, size = _SCOPES, 24
        measures |= Measure.LANDLOCK_SIGNALS | Measure.LANDLOCK_ABSTRACT_SOCKETS
    ruleset = system_call(
        "landlock_create_ruleset", _CREATE_RULESET, _RULESET.pack(files, tcp, scopes), size, 0
    )
    complete = False
    try:
        with unless_absent(refused):
            for directory in readable:
                _add_rule(ruleset, directory)
            complete = True
    finally:
        if not complete:
            os.close(ruleset)
    return (ruleset, measures) if complete else (-1, Measure(0))


def _add_rule(ruleset: int, directory: str) -> None:
    """Lets what is below ``directory`` be read."""
    parent = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        rule = _PATH_BENEATH.pack(_READ_FILE | _READ_DIR, parent)
        system_call("landlock_add_rule", _ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0)
    finally:
        os.close(parent)


def _may_restrict(refused: list[str]) -> bool:
    """Whether a process may restrict itself: asked without a ruleset, EBADF unless a filter answers."""
    with unless_absent(refused):
        try:
            restriction(_NO_DESCRIPTOR).make()
        except OSError as error:
            if error.errno == errno.EBADF:
                return True
            raise
    return False


def restriction(ruleset: int) -> Call:
    """Restricts the thread that makes it, for good. Wants no_new_privs."""
    return Call("landlock_restrict_self", _RESTRICT_SELF, (ruleset, 0))
