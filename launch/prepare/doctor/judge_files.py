"""Exports and states: where they lie, whose they are, who may read and write them. Pure."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Final

from launch.prepare.doctor.facts import RUTH_USER
from launch.prepare.doctor.finding import Finding, Level, named
from ruth.agent.state import STATE_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch.prepare.doctor.facts import Folder, HostFacts

_TMPFS: Final = frozenset({"tmpfs", "ramfs"})
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_STATE_BYTES: Final = STATE_SIZE  # of one camera: launch.launcher.claim.claim reserves no more
_STATE_FILES: Final = 2  # a folder and a file
_EXPORT_ROOT_FIX: Final = (
    "export to /dev/shm, or to another tmpfs: VAS_EXPORT_ROOT=FOLDER for VAS and for Ruth"
)


def export_root(host: HostFacts) -> Finding:
    """Where exports lie, and whether that is memory."""
    folder = host.exports
    lies = f"{folder.path}: {_lies(folder)}"
    if folder.standing != folder.path:
        return Finding(
            "export root",
            Level.WARN,
            f"{folder.path} is not there: no camera is exported",
            "start the video server with AI_FRAME_EXPORT_ENABLED=true, and with the same VAS_EXPORT_ROOT",
        )
    if not folder.readable:
        problem = f"{folder.path} cannot be read by uid {host.user}: agents would see no camera"
        return Finding("export root", Level.WARN, problem, f"chmod 755 {folder.path}")
    if folder.filesystem not in _TMPFS:
        problem = f"{lies}, not a tmpfs: frames are written to a disk, and version 1 has no pixels"
        return Finding("export root", Level.WARN, problem, _EXPORT_ROOT_FIX)
    return Finding("export root", Level.OK, lies)


def exports(host: HostFacts) -> Finding:
    """Which cameras have an export that an agent would take frames from."""
    absent = [camera.camera_id for camera in host.cameras if camera.export is None]
    broken = [camera for camera in host.cameras if camera.export and camera.export.problem]
    usable = len(host.cameras) - len(absent) - len(broken)
    if not host.cameras:
        return Finding("exports", Level.OK, "no camera is known; -c CONFIG names them")
    text = f"cameras with an export to read: {usable} of {len(host.cameras)}"
    if not broken and not absent:
        return Finding("exports", Level.OK, text)
    if absent:
        text += f"; without any: {named(absent)}"
    problems = [f"{camera.camera_id}: {camera.export.problem}" for camera in broken if camera.export]
    if problems:
        text += f"; not readable: {named(problems)}"
    fix = (
        "look whether the video server decodes these cameras, and with `ruth inspect CAMERA` at their headers"
    )
    return Finding("exports", Level.WARN, text, fix)


def readers(host: HostFacts) -> Finding:
    """Who may read the pictures."""
    closed = [
        camera.camera_id
        for camera in host.cameras
        if camera.export and any(not mode & stat.S_IROTH for _, mode in camera.export.modes)
    ]
    there = sum(camera.export is not None for camera in host.cameras)
    if not there:
        return Finding("readers", Level.OK, "no export yet")
    text = f"exports that every user of this host may read: {there - len(closed)} of {there}"
    if closed:
        text += f"; their owner or group alone: {named(closed)}"
    return Finding("readers", Level.OK, text)


def writers(host: HostFacts) -> Finding:
    """Whether a user other than VAS's may write an export."""
    writable = list(_writable_by_others(host))
    if not writable:
        return Finding("writers", Level.OK, "only their owner may write exports and states")
    text = f"others than the owner may write: {named(writable)}"
    roots = [
        folder.path
        for folder in (host.exports, host.states)
        if any(w.startswith(folder.path) for w in writable)
    ]
    return Finding("writers", Level.WARN, text, f"chmod -R go-w {' '.join(roots)}")


def _writable_by_others(host: HostFacts) -> Iterator[str]:
    for folder in (host.exports, host.states):
        # With the sticky bit, as /tmp has it, others may add names and neither rename nor remove ours.
        if folder.mode is not None and folder.mode & _OTHERS_WRITE and not folder.mode & stat.S_ISVTX:
            yield f"{folder.path} ({folder.mode:04o})"
    for camera in host.cameras:
        if camera.export:
            for path, mode in camera.export.modes:
                if mode & _OTHERS_WRITE:
                    yield f"{path} ({mode:04o})"


def user(host: HostFacts) -> Finding:
    """Whether agents would be the user whom exports belong to, who may always write them."""
    owners = sorted({camera.export.owner for camera in host.cameras if camera.export})
    if not owners:
        return Finding(
            "user", Level.OK, f"agents run as uid {host.user}; whose exports will be, is not known yet"
        )
    whose = f"exports belong to uid {', '.join(map(str, owners))}"
    if host.user not in owners and host.user != 0:
        return Finding("user", Level.OK, f"{whose}, agents run as uid {host.user}")
    text = f"{whose}, and agents run as uid {host.user}: only their confinement keeps them from writing"
    return Finding("user", Level.WARN, text, _user_fix(host, owners))


def _user_fix(host: HostFacts, owners: list[int]) -> str:
    if host.ruth_user in owners:
        return f"run the video server as another user than {RUTH_USER}"
    fix = f"run `ruth up` as a user of its own: sudo -u {RUTH_USER} ruth up CONFIG"
    if host.ruth_user is None:
        fix += f"; first make it: useradd --system --no-create-home --shell /usr/sbin/nologin {RUTH_USER}"
    return fix


def state_root(host: HostFacts) -> Finding:
    """Where agents' states lie, and whether they can be made there."""
    folder = host.states
    lies = f"{folder.path}: {_lies(folder)}"
    if folder.problem is not None:
        text = f"{folder.path} {folder.problem}: another user could forge states there, no agent is launched"
        fix = f"rm -r {folder.path}, as root, if nothing needs it; or RUTH_STATE_ROOT=FOLDER of your own"
        return Finding("state root", Level.FAIL, text, fix)
    if not folder.writable:
        owner = (
            f"mkdir -p {folder.path} && chown {host.user} {folder.path}, as root, or RUTH_STATE_ROOT=FOLDER"
        )
        text = f"uid {host.user} cannot make folders in {folder.standing}: no agent can be launched"
        return Finding("state root", Level.FAIL, text, owner)
    each = folder.file_bytes(_STATE_BYTES)
    needed = host.to_launch * each
    short_of_files = folder.free_files is not None and folder.free_files < host.to_launch * _STATE_FILES
    if (folder.free_bytes is not None and folder.free_bytes < needed) or short_of_files:
        text = f"{lies}: no room for {host.to_launch} states of {each // 1024} KiB"
        return Finding("state root", Level.FAIL, text, _room_fix(folder))
    if folder.filesystem not in _TMPFS:
        text = f"{lies}, not a tmpfs: every decision is written to a disk in the end"
        return Finding(
            "state root", Level.WARN, text, "RUTH_STATE_ROOT=FOLDER on a tmpfs, such as /dev/shm/ruth"
        )
    if each > _STATE_BYTES:
        text = f"{lies}: in huge pages, each state takes {each // 1024} KiB, {needed / 1e6:,.0f} MB in all"
        return Finding("state root", Level.WARN, text, f"mount -o remount,huge=never {folder.mounted_at}")
    return Finding("state root", Level.OK, lies)


def states(host: HostFacts) -> Finding:
    """Whether each camera's state can be taken."""
    broken = [
        f"{camera.camera_id} ({camera.claim_problem})" for camera in host.cameras if camera.claim_problem
    ]
    live = sum(camera.live for camera in host.cameras)
    if not broken:
        return Finding("states", Level.OK, f"to launch: {host.to_launch}, with a live agent: {live}")
    text = f"cannot be launched: {named(broken)}"
    fix = f"chown -R {host.user} {host.states.path}, and end the process that has the files locked"
    return Finding("states", Level.FAIL, text, fix)


def agents(host: HostFacts) -> Finding:
    """Whether live agents are let run: a stopped one holds its camera, and decides nothing."""
    live = sum(camera.live for camera in host.cameras)
    stopped = [(camera.camera_id, camera.stopped_pid) for camera in host.cameras if camera.stopped_pid]
    if not stopped:
        return Finding("agents", Level.OK, f"live: {live}, none is stopped")
    names = named([camera_id for camera_id, _ in stopped])
    text = f"live: {live}, of them stopped: {names}: they see no frame"
    pids = " ".join(str(pid) for _, pid in stopped)
    fix = f"find out who stopped them (SIGSTOP, a debugger); kill -CONT {pids}"
    return Finding("agents", Level.WARN, text, fix)


def _lies(folder: Folder) -> str:
    free = "" if folder.free_bytes is None else f", {folder.free_bytes / 1e6:,.0f} MB free"
    total = "" if folder.total_bytes is None else f" of {folder.total_bytes / 1e6:,.0f} MB"
    return f"{folder.filesystem} at {folder.mounted_at}{free}{total}"


def _room_fix(folder: Folder) -> str:
    if folder.filesystem in _TMPFS:
        return f"mount -o remount,size=SIZE,nr_inodes=0 {folder.mounted_at} (in a container: --shm-size=SIZE)"
    return f"make room on {folder.mounted_at}"
