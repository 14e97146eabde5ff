"""Whether memory, processes and descriptors suffice for this number of cameras. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from launch.prepare.doctor.finding import Finding, Level
from launch.prepare.sizing.host import AGENT_PRIVATE_BYTES
from ruth.export.layout import (
    META_SIZE_V2,
    PAGE_SIZE,
    SLOT_COUNT_DEFAULT,
    VERSION_1,
    VERSION_2,
    nv12_size,
)

if TYPE_CHECKING:
    from launch.prepare.doctor.facts import Export, HostFacts, ResourceLimit

# What an export is taken to need that is not there yet, if there is none to go by.
ASSUMED_WIDTH, ASSUMED_HEIGHT = 1920, 1080
ASSUMED_BYTES: Final = (
    SLOT_COUNT_DEFAULT * -(-nv12_size(ASSUMED_WIDTH, ASSUMED_HEIGHT) // PAGE_SIZE) * PAGE_SIZE
)

# Of one agent, measured and rounded up: descriptors, memory maps (`ruth inspect` shows them).
AGENT_DESCRIPTORS: Final = 10
AGENT_MAPPINGS: Final = 200
# Below that the launcher itself cannot open a state and prepare the confinement.
LAUNCHER_DESCRIPTORS: Final = 7
INSTANCES_ENOUGH: Final = 8192  # what the file says
SYSCTL_FILE: Final = "launch/deploy/60-ruth-sysctl.conf"
# An agent before it maps its camera's ring, and a Python that starts.
AGENT_ADDRESSES: Final = 64 * 1024 * 1024


def shared_memory(host: HostFacts) -> Finding:
    """Whether there is room for the exports that are to come."""
    if not host.cameras:
        return Finding("shared memory", Level.OK, "no camera is known; -c CONFIG names them")
    coming, there = _exports(host)
    present = sum(_taken(host, export.data_bytes) for export in there)
    needed = _bytes_to_come(host)
    text = f"exports there: {len(there)} ({_mb(present)})"
    if coming:
        assumed = f"of {SLOT_COUNT_DEFAULT} frames of {ASSUMED_WIDTH}x{ASSUMED_HEIGHT}"
        likely = "as large as the largest of them" if there else assumed
        text += f"; to come: {coming}, each taken to be {likely}"
    free = host.exports.free_bytes
    if needed:
        text += f"; {_mb(needed)} more needed, {'without limit' if free is None else f'{_mb(free)} free'}"
    if free is None or needed <= free:
        return Finding("shared memory", Level.OK, text)
    size = -(-((host.exports.total_bytes or 0) + needed - free) // 2**20)
    fix = f"mount -o remount,size={size}M {host.exports.mounted_at} (in a container: --shm-size={size}m)"
    return Finding("shared memory", Level.WARN, text, fix)


def memory(host: HostFacts) -> Finding:
    """Whether there is memory for the agents, and for the exports that are to come."""
    agents, coming = host.to_launch * AGENT_PRIVATE_BYTES, _bytes_to_come(host)
    room = _tightest(host.memory)
    needed = f"agents to launch: {host.to_launch} ({_mb(agents)})"
    if coming:
        needed += f", exports to come: {_mb(coming)}"
    if room is None or room.left is None:
        return Finding("memory", Level.OK, f"{needed}; no limit")
    text = f"{needed}; {_mb(room.left)} left ({room.name})"
    if agents > room.left:
        return Finding("memory", Level.FAIL, text, room.raise_it)
    if agents + coming > room.left:
        return Finding("memory", Level.WARN, text, room.raise_it)
    return Finding("memory", Level.OK, text)


def _exports(host: HostFacts) -> tuple[int, list[Export]]:
    """How many cameras have no export yet, and the exports of the others."""
    there = [camera.export for camera in host.cameras if camera.export and camera.export.data_bytes]
    return len(host.cameras) - len(there), there


def _bytes_to_come(host: HostFacts) -> int:
    """Shared memory that VAS will need beyond what it has."""
    coming, there = _exports(host)
    each = max((export.data_bytes for export in there), default=ASSUMED_BYTES)
    # Version 1 writes every frame beside the last one before it replaces that.
    beside = sum(_taken(host, export.data_bytes) for export in there if export.version == VERSION_1)
    return coming * _taken(host, each) + beside


def _taken(host: HostFacts, data_bytes: int) -> int:
    """Shared memory of one export with so many bytes of pixels."""
    return host.exports.file_bytes(data_bytes) + host.exports.file_bytes(META_SIZE_V2)


def tasks(host: HostFacts) -> Finding:
    """Whether as many processes may be forked."""
    room = _tightest(host.tasks)
    if room is None or room.left is None:
        return Finding("processes", Level.OK, f"to launch: {host.to_launch}; no limit")
    text = f"to launch: {host.to_launch:,}, room for {room.left:,}"
    text += f" ({room.name} is {room.limit:,}, {room.used:,} in use)"
    if host.to_launch > room.left:
        return Finding("processes", Level.FAIL, text, room.raise_it)
    return Finding("processes", Level.OK, text)


def descriptors(host: HostFacts) -> Finding:
    """Whether an agent may open what it has to, and the host all of them together."""
    limit = host.descriptors
    each = f"an agent needs {AGENT_DESCRIPTORS} of {'any number' if limit is None else f'{limit:,}'}"
    if limit is not None and limit < AGENT_DESCRIPTORS:
        level = Level.FAIL if limit < LAUNCHER_DESCRIPTORS else Level.WARN
        return Finding("descriptors", level, each, "ulimit -n 1024, or LimitNOFILE=1024 in its unit")
    needed = host.to_launch * AGENT_DESCRIPTORS
    if host.open_files is None or (left := host.open_files.left) is None:
        return Finding("descriptors", Level.OK, each)
    text = f"{each}; all to launch need {needed:,} of the host's {left:,}"
    if needed > left:
        return Finding("descriptors", Level.FAIL, text, host.open_files.raise_it)
    return Finding("descriptors", Level.OK, text)


def inotify(host: HostFacts) -> Finding:
    """Whether an agent may watch its camera's directory, where version 1 announces frames in no other way."""
    watching = [c for c in host.cameras if not c.live and (c.export is None or c.export.version != VERSION_2)]
    text = f"agents to launch that would watch a directory (version 1, or no export yet): {len(watching):,}"
    room = host.inotify
    if room is None or (left := room.left) is None:
        return Finding("inotify", Level.OK, text)
    text += f", room for {left:,} ({room.name} is {room.limit:,}, {room.used:,} in use)"
    if len(watching) <= left:
        return Finding("inotify", Level.OK, text)
    enough = max(INSTANCES_ENOUGH, 2 * (room.used + len(watching)))
    fix = f"{room.raise_it.replace('NUMBER', str(enough))}; for good: {SYSCTL_FILE} in /etc/sysctl.d"
    return Finding("inotify", Level.WARN, f"{text}: the others poll every 10 ms while frames come", fix)


def mappings(host: HostFacts) -> Finding:
    """Whether an agent may map what it has to: files in number, and addresses in bytes."""
    text = f"an agent has at most {AGENT_MAPPINGS} memory maps"
    if host.mappings is not None:
        text += f" of {host.mappings:,}"
    if host.mappings is not None and host.mappings < AGENT_MAPPINGS:
        return Finding("memory maps", Level.FAIL, text, "sysctl vm.max_map_count=65530")
    if host.address_space is None:
        return Finding("memory maps", Level.OK, text)
    largest = max(
        (camera.export.data_bytes for camera in host.cameras if camera.export), default=ASSUMED_BYTES
    )
    needed = AGENT_ADDRESSES + largest
    text += f", and {_mb(needed)} of addresses of {_mb(host.address_space)}"
    if needed <= host.address_space:
        return Finding("memory maps", Level.OK, text)
    level = Level.FAIL if host.address_space < AGENT_ADDRESSES else Level.WARN
    return Finding("memory maps", level, text, "ulimit -v unlimited, or LimitAS=infinity in its unit")


def _tightest(rooms: tuple[ResourceLimit, ...]) -> ResourceLimit | None:
    limited = [room for room in rooms if room.left is not None]
    return min(limited, key=lambda room: room.left or 0, default=None)


def _mb(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
