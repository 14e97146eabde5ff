"""Takes from an agent's process what it has no use for, before it reads its first frame.

What is the same for all agents, and inherited, the launcher applies to itself before it forks; the rest it
prepares, and each agent applies it to itself. What a kernel does not have, or a filter around the launcher
refuses, is left out: ``ruth up`` names the call, and doctor and inspect say what an agent could do then. If
anything else keeps a measure from being applied, the agent does not run (docs/decisions/0031).
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, Final, NamedTuple

from launch.agent.confine.landlock import landlock_version, make_ruleset, restriction
from launch.agent.confine.limits import NICE, apply_limits, limits_to_be_had, memory_limits
from launch.agent.confine.seccomp import Filter, PathPage, SealedPaths, available, can_seal
from launch.agent.confine.system_call import process_control, unless_absent
from launch.agent.notice import STATE_DESCRIPTOR
from launch.roots import nearest_existing_directory
from ruth.agent.measure import Measure, WouldConfine
from ruth.descriptor import close_descriptor
from ruth.identity import DATA_NAME, META_NAME, camera_directory

if TYPE_CHECKING:
    from launch.agent.confine.system_call import Call
    from ruth.export.files import Opener

_PR_SET_NO_NEW_PRIVS: Final = 38


class Confinement:
    """What agents below one export root are confined with.

    Making it takes from this process itself the right to gain rights by execve(2) (no_new_privs): without
    that, the kernel would not say what it lets a process without privileges have.

    Attributes:
        descriptor: Of the Landlock ruleset, which an agent must inherit; -1 if there is none.
        refused: Names of system calls that a filter around this process refuses (EPERM): what they would
            bring is left out, as if the kernel did not have it.
        measures: What agents will have in force, as far as can be told before.

    """

    __slots__ = (
        "_export_root",
        "_filter",
        "_limited",
        "_own",
        "_page",
        "_ruleset_brings",
        "descriptor",
        "refused",
    )

    def __init__(self, export_root: str, state: int = STATE_DESCRIPTOR) -> None:
        """Makes what agents share.

        Args:
            export_root: Folder of all exports, absolute; it need not exist.
            state: Descriptor of ``agent.state`` in an agent's process.

        Raises:
            OSError: The kernel has a measure and fails to prepare it.

        """
        self._export_root = export_root
        self.refused: list[str] = []
        self._own = self._limited = Measure(0)
        self._page: PathPage | None = None
        self._filter: Filter | None = None
        self.descriptor, self._ruleset_brings = -1, Measure(0)
        with unless_absent(self.refused):
            process_control(_PR_SET_NO_NEW_PRIVS, 1)
            self._own = Measure.NO_NEW_PRIVS
        self._limited = limits_to_be_had(self.refused)
        if not self._own:
            return  # the kernel would refuse both of what follows
        if available(self.refused):
            if can_seal(self.refused):
                self._page = PathPage((META_NAME, DATA_NAME))
                self._filter = Filter([*self._page.addresses.values(), self._page.next_address], state)
            else:
                self._filter = Filter(None, state)
        ruleset, self._ruleset_brings = make_ruleset(_readable(export_root), self.refused)
        self.descriptor = _above_the_state(ruleset)

    @property
    def measures(self) -> Measure:
        """All that agents will have, if none of it fails."""
        measures = self._own | self._limited | self._ruleset_brings
        if self._filter is not None:
            measures |= Measure.SECCOMP
        return measures if self._page is None else measures | Measure.PINNED_PATHS

    def close(self) -> None:
        """Closes the descriptor, once every agent has its own."""
        if self.descriptor >= 0:
            close_descriptor(self.descriptor)
            self.descriptor = -1

    def limit(self, *, again: bool = False) -> None:
        """Limits this process and all its children to come, for good: what is inherited at fork.

        Args:
            again: Whether it was limited before, by a program that this one has replaced (execve(2)).

        Raises:
            OSError: A measure that can be had could not be applied.

        """
        os.chdir("/")  # a relative path must not lead anywhere near an export
        self._limited = apply_limits(*memory_limits(), nice=0 if again else NICE)

    def prepare(self, camera_id: str) -> Prepared:
        """All that confines a process, limited before, to one camera; to be applied by that process.

        Raises:
            OSError: The camera's path is too long.

        """
        calls: list[Call] = []
        measures = self._own | self._limited
        paths = None
        if self.descriptor >= 0:
            calls.append(restriction(self.descriptor))
            measures |= self._ruleset_brings
        if self._page is not None:
            paths = SealedPaths(self._page, camera_directory(self._export_root, camera_id))
            calls.extend(paths.sealing)
            measures |= Measure.PINNED_PATHS
        if self._filter is not None:
            calls.append(self._filter.installation)
            measures |= Measure.SECCOMP
        return Prepared(paths, tuple(calls), self.descriptor, measures)


class Prepared(NamedTuple):
    """What confines one agent: applied here, or in the same order by launch/agent/native/start.c.

    Attributes:
        paths: All that it may open, to be written first; None where that cannot be limited.
        calls: What takes its rights away.
        ruleset: A descriptor to be closed then; -1 for none.
        measures: What is in force then.

    """

    paths: SealedPaths | None
    calls: tuple[Call, ...]
    ruleset: int
    measures: Measure

    @property
    def opener(self) -> Opener:
        """What to open the camera's files with, once this is applied."""
        return os.open if self.paths is None else self.paths.open

    @property
    def addresses(self) -> dict[str, int] | None:
        """Where the only paths lie that openat(2) may be given then, by what they say; None if any may."""
        return None if self.paths is None else self.paths.addresses

    def apply(self) -> Measure:
        """Confines this process, for good. Returns what is in force.

        Raises:
            OSError: A measure that the kernel has could not be applied.

        """
        if self.paths is not None:
            self.paths.write()
        for call in self.calls:
            call.make()
        if self.ruleset >= 0:
            close_descriptor(self.ruleset)
        return self.measures


def _above_the_state(ruleset: int) -> int:
    """The ruleset, by a number that an agent's state never takes."""
    if ruleset < 0:
        return ruleset
    try:
        return fcntl.fcntl(ruleset, fcntl.F_DUPFD_CLOEXEC, STATE_DESCRIPTOR + 1)
    finally:
        close_descriptor(ruleset)


def _readable(export_root: str) -> list[str]:
    """Roots of the file systems that the export root lies on, and that it leads to if it is a link."""
    roots = {export_root, os.path.realpath(export_root)}
    return sorted({_root_of_file_system(nearest_existing_directory(root)) for root in roots})


def _root_of_file_system(directory: str) -> str:
    """The uppermost folder that lies on the same file system as ``directory``, an absolute one."""
    device = os.stat(directory).st_dev
    while (above := os.path.dirname(directory)) != directory and os.stat(above).st_dev == device:
        directory = above
    return directory


def would_confine(export_root: str) -> WouldConfine:
    """Prepares what ``ruth up`` prepares before it forks, says what it is, and releases it.

    Args:
        export_root: Folder of all exports, absolute.

    """
    landlock, measures, error = 0, 0, None
    refused: tuple[str, ...] = ()
    try:
        landlock = landlock_version()
        confinement = Confinement(export_root)
        confinement.close()
        measures, refused = int(confinement.measures), tuple(confinement.refused)
    except OSError as problem:
        error = problem
    return WouldConfine(landlock, measures, refused, error)
