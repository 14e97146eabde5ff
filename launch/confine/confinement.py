"""Takes from an agent's process what it has no use for, before it reads its first frame.

What is the same for all agents, and inherited, the launcher applies to itself before it forks; the rest it
prepares, and each agent applies it to itself. What a kernel does not have is left out, and ``ruth ps --json``
shows what is in force. If anything else keeps a measure from being applied, the agent does not run
(DESIGN.md, "Processes").
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from launch.confine.landlock import make_ruleset, restrict_self
from launch.confine.limits import apply_limits, memory_limits
from launch.confine.measure import Measure
from launch.confine.seccomp import Filter, PathPage, SealedPaths, available, can_seal
from launch.confine.system_call import process_control
from launch.roots import standing_directory
from ruth.descriptor import close_descriptor
from ruth.identity import DATA_NAME, META_NAME, camera_directory

if TYPE_CHECKING:
    from ruth.export.files import Opener

_PR_SET_NO_NEW_PRIVS: Final = 38


class Confinement:
    """What agents below one export root are confined with.

    Attributes:
        descriptor: Of the Landlock ruleset, which an agent must inherit; -1 if the kernel has none.

    """

    __slots__ = ("_export_root", "_filter", "_limited", "_page", "_ruleset_brings", "descriptor")

    def __init__(self, export_root: str) -> None:
        """Makes what agents share.

        Args:
            export_root: Folder of all exports, absolute; it need not exist.

        Raises:
            OSError: The kernel has a measure and refuses to prepare it.

        """
        self._export_root = export_root
        self._limited = Measure(0)
        self._page: PathPage | None = None
        self._filter: Filter | None = None
        if available():
            if can_seal():
                self._page = PathPage((META_NAME, DATA_NAME))
                self._filter = Filter([*self._page.addresses.values(), self._page.next_address])
            else:
                self._filter = Filter(None)
        self.descriptor, self._ruleset_brings = make_ruleset(_readable(export_root))

    @property
    def meta_name(self) -> int | None:
        """Address of the one ``frame.meta`` that agents may name to openat(2); None for any."""
        return None if self._page is None else self._page.addresses[META_NAME]

    def close(self) -> None:
        """Lets go of the descriptor, once every agent has its own."""
        if self.descriptor >= 0:
            close_descriptor(self.descriptor)
            self.descriptor = -1

    def limit(self) -> None:
        """Limits this process and all its children to come, for good: what is inherited at fork.

        Raises:
            OSError: A measure that the kernel has could not be applied.

        """
        os.chdir("/")  # a relative path must not lead anywhere near an export
        self._limited = apply_limits(*memory_limits())
        process_control(_PR_SET_NO_NEW_PRIVS, 1)
        self._limited |= Measure.NO_NEW_PRIVS

    def paths_of(self, camera_id: str) -> tuple[SealedPaths | None, Opener]:
        """All that one camera's agent may open, made before the fork; None where that cannot be limited.

        Beside it what the agent opens them with, once it is confined.

        Raises:
            OSError: The camera's path is too long.

        """
        if self._page is None:
            return None, os.open
        paths = SealedPaths(self._page, camera_directory(self._export_root, camera_id))
        return paths, paths.open

    def apply(self, paths: SealedPaths | None) -> Measure:
        """Confines this process, limited before, to one camera, for good.

        Args:
            paths: The camera's, by :meth:`paths_of`.

        Returns:
            What is in force.

        Raises:
            OSError: A measure that the kernel has could not be applied.

        """
        measures = self._limited
        if self.descriptor >= 0:
            restrict_self(self.descriptor)
            self.close()
            measures |= self._ruleset_brings
        if paths is not None:
            paths.seal()
            measures |= Measure.PINNED_PATHS
        if self._filter is not None:
            self._filter.install()
            measures |= Measure.SECCOMP
        return measures


def _readable(export_root: str) -> list[str]:
    """The nearest existing directories above the export root, and above what it may be a link to."""
    roots = (export_root, os.path.realpath(export_root))
    return [standing_directory(os.path.dirname(root)) for root in roots]
