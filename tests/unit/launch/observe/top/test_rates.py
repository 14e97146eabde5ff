from __future__ import annotations

import dataclasses

import pytest

from launch.observe.top.control import ORDERS
from launch.observe.top.rates import ModelRate, Row, ordered, rows_of, totals_of
from launch.observe.top.reading import ModelReading, Moment, Reading

S = 1_000_000_000
BEFORE = Reading(
    camera_id="a", pid=10, started_ns=1, state="running", death=None, stopped=False, frames=100, missed=2,
    observed_ns=10 * S, age_s=0.0, cpu_ns=5 * S, private_bytes=1000,
    models=(ModelReading("person", 5.0, True, 30), ModelReading("audit", None, True, 10)),
)  # fmt: skip
NOW = BEFORE._replace(
    frames=125, observed_ns=11 * S, age_s=0.01, cpu_ns=5 * S + S // 100, private_bytes=2000,
    models=(ModelReading("person", 5.0, True, 35), ModelReading("audit", None, True, 15)),
    arrivals=5, gap_ns=S // 2,
)  # fmt: skip


def row(before: Reading, now: Reading, elapsed_s: float = 1.0) -> Row:
    """What became of one camera in so much time."""
    (found,) = rows_of(Moment(0, (before,)), Moment(int(elapsed_s * S), (now,)))
    return found


def test_rates_of_a_fed_camera() -> None:
    """Frames, allowed frames and CPU time by what has changed; the rest as it is now."""
    assert row(BEFORE, NOW) == Row(
        camera_id="a", pid=10, state="running", death=None, stopped=False, fps=25.0, allowed_fps=10.0,
        cpu_percent=1.0, private_bytes=2000, age_s=0.01, missed=2, frames=125,
        models=(ModelRate("person", 5.0, True, 5.0), ModelRate("audit", None, True, 5.0)),
        arrivals_per_s=5.0, longest_gap_s=0.5, slots_needed=26,
    )  # fmt: skip


def test_a_rate_is_not_blurred_by_where_frames_fall() -> None:
    """24 frames in a second of a camera at 25 fps are 24 intervals of 40 ms, which is 25 fps."""
    now = NOW._replace(frames=124, observed_ns=10 * S + 24 * S // 25)
    assert row(BEFORE, now).fps == 25.0


@pytest.mark.parametrize(("session", "fps"), [(1, 2.5), (2, 3.0)])
def test_no_rate_of_a_model_is_above_its_cap(session: int, fps: float) -> None:
    """Three frames 400 ms apart in one second are 2.5 a second; of another session, time passed counts."""
    before = BEFORE._replace(models=(ModelReading("plate", 2.5, True, 10, 1, 9 * S),))
    models = (ModelReading("plate", 2.5, True, 13, session, 9 * S + 3 * 400_000_000),)
    assert row(before, NOW._replace(models=models)).models[0].allowed_fps == fps


def test_a_slow_camera() -> None:
    """One frame every two seconds is half a frame a second, whenever one is seen; else none."""
    assert row(BEFORE, NOW._replace(frames=101, observed_ns=12 * S)).fps == 0.5
    assert row(BEFORE, NOW._replace(frames=100, observed_ns=10 * S)).fps == 0.0


def test_frames_that_cease() -> None:
    """Where frames ceased within the second, they count over all of it."""
    now = NOW._replace(frames=110, observed_ns=10 * S + 2 * S // 5, age_s=0.6)
    assert row(BEFORE, now).fps == 10.0


def test_frames_that_come_again() -> None:
    """A pause before the second does not make the frames in it fewer."""
    before = BEFORE._replace(observed_ns=1 * S)
    assert row(before, NOW).fps == 25.0


def test_the_first_frames() -> None:
    """The first frames of an agent count over the time that has passed."""
    before = BEFORE._replace(frames=0, observed_ns=None, age_s=None)
    assert row(before, NOW._replace(frames=50), elapsed_s=2.0).fps == 25.0


def test_a_clock_that_does_not_move() -> None:
    """Two readings at the same moment have no rates."""
    assert row(BEFORE, NOW, elapsed_s=0.0).fps is None


def test_another_agent_of_the_same_camera() -> None:
    """What an agent did is not compared with what the one before it did."""
    for other in (NOW._replace(pid=11), NOW._replace(started_ns=2)):
        found = row(BEFORE, other)
        assert (found.fps, found.allowed_fps, found.cpu_percent) == (None, None, None)


def test_a_camera_that_is_new() -> None:
    """A camera seen for the first time has no rates yet."""
    (found,) = rows_of(Moment(0, ()), Moment(S, (NOW,)))
    assert (found.fps, found.cpu_percent, found.private_bytes) == (None, None, 2000)


def test_a_dead_agent() -> None:
    """A dead agent has no rates; how it died and what it missed are shown."""
    dead = NOW._replace(pid=None, state="dead", death="SIGKILL", cpu_ns=None, private_bytes=None)
    found = row(BEFORE, dead)
    assert (found.fps, found.cpu_percent, found.death, found.missed) == (None, None, "SIGKILL", 2)
    assert row(dead, dead).fps is None


def test_unknown_cpu_time() -> None:
    """Where the kernel does not say what CPU time was used, no percentage is made up."""
    assert row(BEFORE._replace(cpu_ns=None), NOW).cpu_percent is None
    assert row(BEFORE, NOW._replace(cpu_ns=None)).cpu_percent is None


def test_orders() -> None:
    """By name upwards; by CPU and FPS the most first, then by name, and the unknown last, also in reverse."""

    def one(camera_id: str, fps: float | None, cpu: float | None) -> Row:
        return Row(camera_id, 1, "running", None, False, fps, 0.0, cpu, 0, 0.0, 0)

    rows = [one("d", 25.0, None), one("b", 5.0, 2.0), one("c", None, 1.0), one("a", 5.0, 1.0)]
    assert [found.camera_id for found in ordered(rows, "name")] == ["a", "b", "c", "d"]
    assert [found.camera_id for found in ordered(rows, "fps")] == ["d", "a", "b", "c"]
    assert [found.camera_id for found in ordered(rows, "cpu")] == ["b", "a", "c", "d"]
    assert [found.camera_id for found in ordered(rows, "cpu", reverse=True)] == ["a", "c", "b", "d"]
    assert [found.camera_id for found in ordered(rows, "name", reverse=True)] == ["d", "c", "b", "a"]


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_keeps_every_row(order: str) -> None:
    """Sorting by any column, either way, loses no camera, whatever is unknown of it."""
    rows = [
        row(BEFORE, NOW),
        Row("b", None, "absent", None, False, None, None, None, None, None, 0),
        Row("c", None, "dead", "SIGKILL", False, None, None, None, None, 3.0, 9),
    ]
    for reverse in (False, True):
        assert {found.camera_id for found in ordered(rows, order, reverse=reverse)} == {"a", "b", "c"}


def test_what_needs_a_hand_comes_first() -> None:
    """Dead, starved, too slow at some time, then the rest by name."""
    fed = row(BEFORE._replace(missed=0), NOW._replace(missed=0))
    rows = [
        dataclasses.replace(fed, camera_id="y"),
        dataclasses.replace(fed, camera_id="x"),
        dataclasses.replace(fed, camera_id="z", missed=1),
        dataclasses.replace(fed, camera_id="i", state="idle"),
        dataclasses.replace(fed, camera_id="k", state="dead", pid=None),
    ]
    assert [found.camera_id for found in ordered(rows, "state")] == ["k", "i", "z", "x", "y"]


def test_totals() -> None:
    """Sums over all cameras, and how many are in which state; a stopped one counts as stopped."""
    running = row(BEFORE, NOW)
    stopped = row(BEFORE, NOW._replace(state="stopped", stopped=True))
    dead = row(BEFORE, NOW._replace(pid=None, state="dead", private_bytes=None))
    found = totals_of([running, stopped, dead])
    assert found.cameras == "cameras: 3 (1 dead, 1 stopped, 1 running)"
    assert (found.fps, found.allowed_fps, found.cpu_percent) == (50.0, 20.0, 2.0)
    assert found.private_bytes == 4000
    assert totals_of([]).cameras == "cameras: 0 (none)"
