"""Judges what was launched: whether it is as the configuration says, and who launched it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch.prepare.doctor.finding import Finding, Level

if TYPE_CHECKING:
    from launch.prepare.doctor.facts import HostFacts


def configuration(host: HostFacts) -> Finding:
    """Whether live agents are as the configuration says, and of this version of Ruth."""
    if host.differences:
        text = "; ".join(host.differences)
        return Finding("configuration", Level.WARN, text, "ruth apply --dry-run, then ruth apply")
    if not host.configured:
        return Finding("configuration", Level.OK, "none is named, and none is in its place")
    live = sum(camera.live for camera in host.cameras)
    return Finding("configuration", Level.OK, f"live agents are as it says: {live}")


def launchers(host: HostFacts) -> Finding:
    """Whether each launcher still has an agent: it stays when the last one has died."""
    if not host.idle_launchers:
        return Finding("launchers", Level.OK, "none is left over")
    pids = " ".join(map(str, host.idle_launchers))
    text = f"without a live agent: {pids}; ps reads from them how each agent died"
    return Finding("launchers", Level.WARN, text, f"kill {pids}")
