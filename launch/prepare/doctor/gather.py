"""Gathers the facts about this host. Reads only: it takes no lock, makes nothing and signals nothing."""

from __future__ import annotations

import fcntl
import mmap
import os
import platform
import pwd
import stat
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from launch.observe.inspection.header import read_header
from launch.observe.launchers import live_launchers
from launch.observe.liveness import read_sighting
from launch.prepare.doctor.facts import (
    RUTH_USER,
    CameraFacts,
    Export,
    Folder,
    HostFacts,
    Kernel,
    NativeStatus,
)
from launch.prepare.doctor.gather_limits import gather_limits
from launch.prepare.doctor.mounts import mount_of, page_bytes_of, read_mounts
from launch.roots import known_cameras, nearest_existing_directory, owner_problem
from launch.screen.messages import describe
from ruth.agent.state_reader import WHOLE_FILE_WRITE_LOCK, is_held
from ruth.descriptor import close_descriptor
from ruth.futex import CHANGED, FutexWord
from ruth.identity import DATA_NAME, META_NAME, STATE_NAME, camera_directory
from ruth.order import version_2_problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch.prepare.doctor.mounts import Mount
    from ruth.agent.measure import WouldConfine

# By access(2) where that is the same: a filter that answers EPERM to faccessat2(2) must not look like a mode.
_OTHER_USER: Final = os.geteuid() != os.getuid()
_OPEN: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


def gather(
    export_root: str,
    state_root: str,
    configured: Sequence[str] | None,
    confinement: WouldConfine,
    native: NativeStatus,
    differences: Sequence[str] = (),
) -> HostFacts:
    """Everything that is to be judged.

    Args:
        export_root: Folder of all exports, absolute.
        state_root: Folder of all states, absolute.
        configured: The cameras to read; None for all that have an export or a state here.
        confinement: What would confine agents here; this folder does not import what runs them.
        native: The compiled part, the same.
        differences: What is said of live agents that differ from the configuration.

    Returns:
        What could be found; ``unseen`` names the checks for which something could not.

    """
    unseen: dict[str, str] = {}
    try:
        mounts = read_mounts()
    except OSError as error:
        mounts = []
        unseen |= dict.fromkeys(("export root", "state root"), describe(error))
    cameras = sorted({*_known(export_root), *_known(state_root)}) if configured is None else configured
    limits = gather_limits(mounts, unseen)
    return HostFacts(
        user=os.geteuid(),
        ruth_user=_uid_of(RUTH_USER),
        configured=configured is not None,
        kernel=_kernel(confinement),
        native=native,
        exports=_folder(export_root, mounts),
        states=replace(_folder(state_root, mounts), problem=_owner_problem(state_root)),
        cameras=tuple(_camera(export_root, state_root, camera_id) for camera_id in cameras),
        unseen=tuple(unseen.items()),
        differences=tuple(differences),
        idle_launchers=_idle_launchers(state_root),
        **limits._asdict(),
    )


def _idle_launchers(state_root: str) -> tuple[int, ...]:
    try:
        launchers = live_launchers(state_root)
    except OSError:  # judged as a folder that cannot be read
        return ()
    return tuple(launcher.pid for launcher in launchers if not launcher.live_agents)


def _known(root: str) -> list[str]:
    try:
        return known_cameras(root)
    except OSError:  # judged as a folder that cannot be read
        return []


def _uid_of(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def _kernel(confinement: WouldConfine) -> Kernel:
    system = os.uname()
    return Kernel(
        machine=system.machine,
        release=system.release,
        python=platform.python_version(),
        version2_problem=version_2_problem(),
        futex=_futex_works(),
        landlock=confinement.landlock,
        measures=confinement.measures,
        refused=confinement.refused,
        confinement_problem=None if confinement.error is None else describe(confinement.error),
    )


def _futex_works() -> bool:
    """Whether a wait is answered: on a word that is not what was expected it returns at once, and says so."""
    with mmap.mmap(-1, mmap.PAGESIZE) as memory:
        return FutexWord(memory, 0).wait(1, 0) == CHANGED


def _folder(path: str, mounts: Sequence[Mount]) -> Folder:
    standing = nearest_existing_directory(path)
    mount = mount_of(os.path.realpath(standing), mounts)
    room = os.statvfs(standing)
    there = os.stat(path) if standing == path else None
    return Folder(
        path=path,
        standing=standing,
        filesystem=mount.filesystem if mount else "unknown",
        mounted_at=mount.point if mount else standing,
        total_bytes=room.f_blocks * room.f_frsize or None,  # a tmpfs without a limit says 0
        free_bytes=room.f_bavail * room.f_frsize if room.f_blocks else None,
        free_files=room.f_favail if room.f_files else None,
        readable=os.access(standing, os.R_OK | os.X_OK, effective_ids=_OTHER_USER),
        writable=os.access(standing, os.W_OK | os.X_OK, effective_ids=_OTHER_USER),
        mode=None if there is None else stat.S_IMODE(there.st_mode),
        owner=None if there is None else there.st_uid,
        page_bytes=page_bytes_of(mount),
    )


def _owner_problem(path: str) -> str | None:
    """Why what is at a path must not hold states (launch.launcher.claim); None if it may."""
    try:
        return owner_problem(os.lstat(path))
    except OSError:
        return None  # not there, or what follows says why


def _camera(export_root: str, state_root: str, camera_id: str) -> CameraFacts:
    live, problem = _claim(camera_directory(state_root, camera_id))
    sighting = read_sighting(state_root, camera_id)
    stopped_pid = sighting.pid if sighting.stopped else None
    return CameraFacts(camera_id, _export(export_root, camera_id), live, stopped_pid, problem)


def _export(export_root: str, camera_id: str) -> Export | None:
    path = camera_directory(export_root, camera_id)
    try:
        folder = os.lstat(path)
    except FileNotFoundError:
        return None
    except OSError as error:  # the root cannot be searched
        return Export(error.strerror, 0, 0, -1, ())
    header = read_header(export_root, camera_id)
    modes = [(path, stat.S_IMODE(folder.st_mode))]
    for name in (META_NAME, DATA_NAME):
        try:
            modes.append((f"{path}/{name}", stat.S_IMODE(os.lstat(f"{path}/{name}").st_mode)))
        except OSError:
            continue  # not there; the header says so
    return Export(
        problem=header.problem,
        version=0 if header.record is None else header.record.version,
        data_bytes=header.data_bytes or 0,
        owner=folder.st_uid,
        modes=tuple(modes),
    )


def _claim(path: str) -> tuple[bool, str | None]:
    """Whether the camera has a live agent, and why its state could not be taken if it has none.

    Asks what :func:`launch.launcher.claim.claim` would run into, without making or locking anything.
    """
    problem = _owner_problem(path)
    if problem is not None:
        return False, f"its state folder {problem}"
    if not os.path.isdir(path):
        return (False, "its state folder is none") if os.path.lexists(path) else (False, None)
    state = f"{path}/{STATE_NAME}"
    try:
        descriptor = os.open(state, _OPEN)
    except FileNotFoundError:
        writable = os.access(path, os.W_OK | os.X_OK, effective_ids=_OTHER_USER)
        return False, None if writable else f"no permission to write {path}"
    except OSError as error:
        return False, f"{state}: {error.strerror}"
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return False, f"{state} is not a regular file"
        problem = owner_problem(os.fstat(descriptor))
        if problem is not None:
            return False, f"{state} {problem}"
        if is_held(descriptor):
            return True, None
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, WHOLE_FILE_WRITE_LOCK)
        if int.from_bytes(answer[:2], "little") != fcntl.F_UNLCK:
            return False, "locked by a process that is not an agent"
    finally:
        close_descriptor(descriptor)
    if not os.access(state, os.R_OK | os.W_OK, effective_ids=_OTHER_USER):
        return False, f"no permission to write {state}"
    return False, None
