"""Looking at agents in tests, from outside, as any process may."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from harness.waiting import wait_until
from launch.observe.agent_view import AgentView, view
from ruth.agent.state import AgentRecord
from ruth.agent.state_reader import StateReader

if TYPE_CHECKING:
    from conftest import Processes, Roots

MODELS = "person = { max_fps = 5 }\nplate = { max_fps = 2.5 }\naudit = {}\n"
CAPS = {"person": 5, "plate": 2.5, "audit": None}


def configure(roots: Roots, *cameras: str) -> Path:
    """A ruth.toml with these cameras, three models each, beside the test's roots."""
    path = roots.state.parent / "ruth.toml"
    path.write_text("".join(f'[cameras."{camera}".models]\n{MODELS}' for camera in cameras), encoding="utf-8")
    return path


def view_agent(roots: Roots, camera_id: str) -> AgentView:
    """The camera as ``ruth ps`` sees it."""
    return view(str(roots.state), camera_id)


def record(roots: Roots, camera_id: str) -> AgentRecord:
    """The agent's record, as it last left it."""
    with StateReader(str(roots.state), camera_id) as reader:
        found = reader.read()
    assert isinstance(found, AgentRecord), found
    return found


def pid_of(roots: Roots, camera_id: str) -> int:
    """The pid of the camera's live agent, waited for."""
    pid = wait_until(lambda: view_agent(roots, camera_id).pid, f"{camera_id} has a live agent")
    assert pid is not None
    return pid


def wait_dead(roots: Roots, camera_id: str) -> None:
    """Waits until the camera's agent has died."""
    # Not only its process: the lock that it was born with may be its launcher's for a moment longer. One that
    # died before its first record is absent.
    gone = ("dead", "absent")
    wait_until(lambda: view_agent(roots, camera_id).state in gone, f"the agent of {camera_id} is dead")


def wait_observed(roots: Roots, camera_id: str, frame_id: int) -> None:
    """Waits until the camera's agent has observed that frame."""
    wait_until(
        lambda: view_agent(roots, camera_id).frame_id == frame_id, f"{camera_id} observed frame {frame_id}"
    )


def launched(roots: Roots, processes: Processes, *cameras: str) -> dict[str, int]:
    """Agents of these cameras, launched with ``ruth up`` and alive; pid by camera."""
    processes.ruth("up", configure(roots, *cameras), env=roots.environ())
    return {camera: pid_of(roots, camera) for camera in cameras}


def children_of(pid: int) -> list[int]:
    """The direct children of a process, zombies included."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wake_ups(pid: int) -> int:
    """How often a process has given up the processor of its own will, to wait."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("voluntary_ctxt_switches"):
            return int(line.split()[1])
    raise AssertionError(f"/proc/{pid}/status has no voluntary_ctxt_switches")


def open_files(pid: int) -> list[str]:
    """What the descriptors of a process lead to; without those that it closes meanwhile."""
    base, found = f"/proc/{pid}/fd", []
    for number in os.listdir(base):
        with suppress(FileNotFoundError):
            found.append(os.readlink(f"{base}/{number}"))
    return found
