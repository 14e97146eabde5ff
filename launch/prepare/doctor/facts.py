"""What is known of a host before it is judged. Values only: how they are found is not known here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ruth.export.layout import PAGE_SIZE

RUTH_USER: Final = "ruth"  # as launch/deploy/ruth.service and docs/operations.md call it


@dataclass(frozen=True, slots=True)
class ResourceLimit:
    """One limit, and what of it is used.

    Attributes:
        name: What sets it, as an administrator knows it: ``RLIMIT_NPROC``, ``kernel.pid_max``.
        limit: None for no limit.
        used: By whatever counts against it.
        raise_it: How it is raised.

    """

    name: str
    limit: int | None
    used: int
    raise_it: str

    @property
    def left(self) -> int | None:
        """What there is room for; None without a limit."""
        return None if self.limit is None else max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class Kernel:
    """What this kernel and machine can do.

    Attributes:
        machine: ``os.uname().machine``.
        release: ``os.uname().release``.
        python: Version of this Python.
        version2_problem: Why version 2 exports are refused on this machine; None if they are not.
        futex: Whether a wait on a futex word works here.
        landlock: Version of its Landlock, 0 for none.
        measures: What agents will have in force (:class:`ruth.agent.measure.Measure`), as bits.
        refused: System calls of the confinement that a filter around this process refuses.
        confinement_problem: Why agents cannot be confined, which keeps them from running; None if they can.

    """

    machine: str
    release: str
    python: str
    version2_problem: str | None
    futex: bool
    landlock: int
    measures: int
    refused: tuple[str, ...]
    confinement_problem: str | None


@dataclass(frozen=True, slots=True)
class NativeStatus:
    """What agents do in C (:mod:`launch.agent.native`).

    Attributes:
        problem: Why agents launched from here do without; None if they do not.
        ruled_out: Whether that is because they were not wanted.
        command: What compiles them.

    """

    problem: str | None
    ruled_out: bool
    command: str


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of all exports, or of all states.

    Attributes:
        path: As configured.
        standing: The nearest folder at or above it that is there.
        filesystem: Type of what ``standing`` lies on, as mount(8) names it.
        mounted_at: Where that is mounted.
        total_bytes: Its size; None if it has no limit of its own.
        free_bytes: Of that, what this user may still take; None likewise.
        free_files: How many files it has room for; None without a limit.
        readable: Whether this user may look into ``standing``.
        writable: Whether this user may make a folder in ``standing``.
        mode: Permission bits of ``path``; None if it is not there.
        owner: Owner of ``path``, a uid; None likewise.
        problem: Why it must not be used as it is, of the state root; None if it may be.
        page_bytes: In which steps its files take memory.

    """

    path: str
    standing: str
    filesystem: str
    mounted_at: str
    total_bytes: int | None
    free_bytes: int | None
    free_files: int | None
    readable: bool
    writable: bool
    mode: int | None
    owner: int | None
    problem: str | None = None
    page_bytes: int = PAGE_SIZE

    def file_bytes(self, size: int) -> int:
        """What a file of so many bytes takes there."""
        return -(-size // self.page_bytes) * self.page_bytes


@dataclass(frozen=True, slots=True)
class Export:
    """One camera's export as it is.

    Attributes:
        problem: Why an agent of this user would take no frame from it; None if it would.
        version: 1 or 2; 0 if that cannot be told.
        data_bytes: Size of ``frame.data``, 0 if there is none.
        owner: Owner of its folder, a uid.
        modes: Permission bits of the folder, ``frame.meta`` and ``frame.data``, as far as they are there.

    """

    problem: str | None
    version: int
    data_bytes: int
    owner: int
    modes: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """One camera.

    Attributes:
        camera_id: Its id.
        export: Its export; None if it has no folder below the export root.
        live: Whether it has a live agent.
        stopped_pid: Of the live agent, if it is stopped (SIGSTOP, a debugger); else None.
        claim_problem: Why ``ruth up`` could not take its state; None if it could, or need not.

    """

    camera_id: str
    export: Export | None
    live: bool
    stopped_pid: int | None
    claim_problem: str | None


@dataclass(frozen=True, slots=True)
class HostFacts:
    """Everything.

    Attributes:
        user: This process's effective uid, which agents would have as well.
        ruth_user: Uid of the user called ``ruth``; None if there is none.
        configured: Whether ``cameras`` are those of a configuration; else those that are known here.
        kernel: What kernel and machine can do.
        native: What agents take their frames with.
        exports: The folder of all exports.
        states: The folder of all states.
        cameras: By id.
        memory: Limits of memory in bytes, of the host and of the control groups above.
        tasks: Limits of processes and threads.
        open_files: The host's limit of open files; None if it cannot be told.
        inotify: This user's limit of inotify instances; None if it cannot be told.
        descriptors: Limit of descriptors per process; None for none.
        mappings: Limit of memory maps a process; None if it cannot be told.
        address_space: Limit of addresses a process in bytes, the hard one; None for none.
        unseen: Checks for which not everything could be looked at, and why.
        differences: What is said of live agents that differ from the configuration.
        idle_launchers: Pids of launchers without a live agent.

    """

    user: int
    ruth_user: int | None
    configured: bool
    kernel: Kernel
    native: NativeStatus
    exports: Folder
    states: Folder
    cameras: tuple[CameraFacts, ...]
    memory: tuple[ResourceLimit, ...]
    tasks: tuple[ResourceLimit, ...]
    open_files: ResourceLimit | None
    inotify: ResourceLimit | None
    descriptors: int | None
    mappings: int | None
    address_space: int | None
    unseen: tuple[tuple[str, str], ...] = ()
    differences: tuple[str, ...] = ()
    idle_launchers: tuple[int, ...] = ()

    @property
    def to_launch(self) -> int:
        """Cameras without a live agent."""
        return sum(not camera.live for camera in self.cameras)
