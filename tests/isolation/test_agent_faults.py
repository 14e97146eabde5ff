"""One agent dies or goes wrong in every way there is; the other cameras decide as in a run without it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from doubles.planted_faults import ESCAPED, FAULTY_MODEL, LEAKED_BYTES, Fault
from harness.agents import record, view_agent, wait_dead
from harness.scene import CAMERAS, FRAMES_MAX, OTHERS, VICTIM
from harness.streams import Seen, advance
from harness.waiting import wait_until

if TYPE_CHECKING:
    from harness.scene import Scene, Streams

DEATHS = {
    signal.SIGKILL: "SIGKILL",
    signal.SIGTERM: "SIGTERM",
    Fault.NULL_POINTER: "SIGSEGV",
    Fault.ABORT: "SIGABRT",
    Fault.BUS_ERROR: "SIGBUS",
    Fault.STACK_OVERFLOW: "SIGSEGV",
    Fault.EXCEPTION: "exit 1",
    Fault.MEMORY_BEYOND_LIMIT: "exit 1",
}


def test_a_run_without_faults_is_as_the_gate_says(undisturbed: Streams) -> None:
    """What faults are compared with: every agent observed every frame, and decided as the gate does."""
    for camera in CAMERAS:
        expected: list[Seen] = []
        for frame_id in range(FRAMES_MAX):
            expected.append(advance(camera, expected[-1] if expected else None, [frame_id]))
        assert undisturbed[camera] == expected
        assert expected[-1] == advance(camera, None, range(FRAMES_MAX))
    decisions = {judged.decision for seen in undisturbed["a"] for judged in seen.models}
    assert decisions == {"ALLOW", "SKIP_INTERVAL"}


@pytest.mark.parametrize("fault", DEATHS, ids=lambda fault: fault.name)
def test_a_death_is_one_cameras(scene: Scene, undisturbed: Streams, fault: int) -> None:
    """However an agent dies, the kernel knows how, it is not started again, and the others decide as ever."""
    scene.publish(20, *CAMERAS)
    os.kill(scene.pids[VICTIM], fault)
    scene.publish(20, *OTHERS)  # while it dies
    wait_dead(scene.roots, VICTIM)
    assert view_agent(scene.roots, VICTIM).death == DEATHS[fault]
    left = record(scene.roots, VICTIM)
    scene.publish(20, *OTHERS)
    scene.assert_unnoticed(undisturbed)
    assert record(scene.roots, VICTIM) == left


def test_an_agent_ends_where_it_is(scene: Scene, undisturbed: Streams) -> None:
    """Whatever else happens while it ends, an agent never comes back into the code of its launcher."""
    scene.publish(10, *CAMERAS)
    pid = scene.pids[VICTIM]
    os.kill(pid, signal.SIGSTOP)
    os.kill(pid, Fault.EXCEPTION)
    os.kill(pid, Fault.ANOTHER_EXCEPTION)  # meets the agent while it prints the first one's traceback
    os.kill(pid, signal.SIGCONT)
    wait_dead(scene.roots, VICTIM)
    assert view_agent(scene.roots, VICTIM).death != f"exit {ESCAPED}"
    assert view_agent(scene.roots, VICTIM).death == "exit 1"
    scene.publish(10, *OTHERS)
    scene.assert_unnoticed(undisturbed)


def test_an_agent_that_hangs_is_one_cameras(scene: Scene, undisturbed: Streams) -> None:
    """An agent in an endless loop is shown as idle, and left alone until an operator kills it."""
    scene.publish(10, *CAMERAS)
    scene.break_agent(Fault.ENDLESS_LOOP)
    scene.publish(30, *OTHERS)
    wait_until(lambda: view_agent(scene.roots, VICTIM).state == "idle", "it is shown as idle")
    assert view_agent(scene.roots, VICTIM).pid == scene.pids[VICTIM]
    scene.publish(30, *OTHERS)
    os.kill(scene.pids[VICTIM], signal.SIGKILL)
    wait_dead(scene.roots, VICTIM)
    scene.publish(10, *OTHERS)
    scene.assert_unnoticed(undisturbed)


def test_a_memory_leak_is_one_cameras(scene: Scene, undisturbed: Streams) -> None:
    """An agent that keeps memory, within its limit, goes on deciding, and so do the others."""
    scene.publish(10, *CAMERAS)
    before = view_agent(scene.roots, VICTIM).private_bytes or 0
    scene.break_agent(Fault.MEMORY_LEAK)
    wait_until(
        lambda: (view_agent(scene.roots, VICTIM).private_bytes or 0) >= before + LEAKED_BYTES,
        "memory has leaked",
    )
    scene.publish(40, *CAMERAS)
    scene.assert_unnoticed(undisturbed, *CAMERAS)


def test_a_descriptor_leak_is_one_cameras(scene: Scene, undisturbed: Streams) -> None:
    """An agent without a descriptor left decides as long as its export exists, then idles; others go on."""
    scene.publish(10, *CAMERAS)
    scene.break_agent(Fault.DESCRIPTOR_LEAK)
    pid = scene.pids[VICTIM]
    wait_until(lambda: len(os.listdir(f"/proc/{pid}/fd")) == _descriptors_allowed(pid), "it has none left")
    scene.publish(40, *CAMERAS)
    scene.assert_unnoticed(undisturbed, *CAMERAS)
    scene.exporters[VICTIM].close()  # what comes next it could only open
    wait_until(lambda: view_agent(scene.roots, VICTIM).export is None, "it has released the export")
    scene.publish(40, *OTHERS)
    scene.assert_unnoticed(undisturbed)
    assert view_agent(scene.roots, VICTIM).pid == pid


def test_a_gate_that_raises_is_one_subscriptions(scene: Scene, undisturbed: Streams) -> None:
    """When one model's decision raises, its frames are skipped, and no other model or camera notices."""
    scene.publish(20, *CAMERAS)
    scene.break_agent(Fault.GATE_RAISES)
    wait_until(lambda: not _pending(scene.pids[VICTIM]), "the fault is planted")
    scene.publish(60, *CAMERAS)
    scene.assert_unnoticed(undisturbed)
    assert view_agent(scene.roots, VICTIM).pid == scene.pids[VICTIM]
    for found, without in zip(scene.streams[VICTIM], undisturbed[VICTIM], strict=False):
        for judged, as_ever in zip(found.models, without.models, strict=True):
            if judged.model_id != FAULTY_MODEL or found.frame_id < 20:
                assert judged == as_ever
            else:
                assert judged.decision == "SKIP_FAULT"


def _descriptors_allowed(pid: int) -> int:
    with open(f"/proc/{pid}/limits") as limits:
        return next(int(line.split()[3]) for line in limits if line.startswith("Max open files"))


def _pending(pid: int) -> bool:
    """Whether a signal still waits to be taken (proc(5), SigPnd and ShdPnd)."""
    with open(f"/proc/{pid}/status") as status:
        return any(int(line.split()[1], 16) for line in status if line.startswith(("SigPnd", "ShdPnd")))
