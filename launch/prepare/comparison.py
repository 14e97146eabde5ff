"""Compares the agents of a host with a configuration, by their records (:mod:`launch.prepare.difference`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch.observe.liveness import read_sighting
from launch.prepare.config_file import configuration_number
from launch.prepare.difference import Difference, compare, sentences
from launch.roots import known_cameras
from launch.text_file import name_of

if TYPE_CHECKING:
    from launch.prepare.config.plan import HostPlan


def differences_now(state_root: str, path: str, plan: HostPlan) -> list[Difference]:
    """The cameras that differ from the configuration at this moment.

    Args:
        state_root: Folder of all states, absolute.
        path: Of the configuration, as it was named.
        plan: What it says.

    Raises:
        OSError: The state root cannot be read.

    """
    known = {*known_cameras(state_root), *(camera.camera_id for camera in plan.cameras)}
    seen = (read_sighting(state_root, camera) for camera in known)
    return compare(plan, seen, configuration_number(path), name_of(path))


def what_differs(state_root: str, path: str, plan: HostPlan) -> list[str]:
    """What is said of it, a line each; raises as :func:`differences_now`."""
    return sentences(differences_now(state_root, path, plan), name_of(path))
