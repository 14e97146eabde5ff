from __future__ import annotations

import random
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from ruth.subscription.gate import Decision
from ruth.subscription.subscription import Subscription
from ruth.vas.frame_time import FrameTime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MS = 1_000_000
S = 1000 * MS
PERIOD = 40 * MS
BOOT = 5000 * S  # any time on the host's clock
DAY = 24 * 3600 * S


def placed(frames: Iterable[tuple[int | None, int]]) -> list[int]:
    """The frame times of presentation times and arrivals; each at most its arrival."""
    place = FrameTime().place
    times = []
    for presentation, arrival in frames:
        times.append(place(presentation, arrival))
        assert 0 <= times[-1] <= arrival
    return times


def gaps(times: list[int]) -> list[int]:
    """From one to the next."""
    return [later - earlier for earlier, later in pairwise(times)]


def allowed(times: Iterable[int], max_fps: float) -> int:
    """How many of these frames the gate lets through."""
    judge = Subscription("camera", "model", max_fps).judge
    return sum(judge(number, time) is Decision.ALLOW for number, time in enumerate(times))


def test_a_steady_stream_carries_its_arrivals() -> None:
    """Frames that all come with the same delay carry their arrivals."""
    frames = [(PERIOD * number, BOOT + PERIOD * number) for number in range(100)]
    assert placed(frames) == [arrival for _, arrival in frames]


def test_a_late_frame_keeps_its_rhythm() -> None:
    """A frame that comes late carries the time at which it was due."""
    late = {10: 35 * MS, 11: 20 * MS, 30: 900 * MS, 31: 860 * MS}
    frames = [(PERIOD * n, BOOT + PERIOD * n + late.get(n, 0)) for n in range(60)]
    assert placed(frames) == [BOOT + PERIOD * n for n in range(60)]


def test_the_soonest_frame_carries_its_arrival() -> None:
    """A frame that comes sooner than all before it carries its arrival, within a millisecond."""
    delays = [50, 50, 30, 50, 50]
    frames = [(PERIOD * n, BOOT + PERIOD * n + delay * MS) for n, delay in enumerate(delays)]
    times = placed(frames)
    assert frames[2][1] - MS <= times[2] <= frames[2][1]
    assert gaps(times[2:]) == [PERIOD, PERIOD]


def test_frames_a_dozen_at_a_time() -> None:
    """Of twelve frames that come together each 480 ms every one is stamped 40 ms after the one before."""
    frames = [(PERIOD * n, BOOT + (n // 12 + 1) * 12 * PERIOD + n % 12 * MS // 10) for n in range(12 * 60)]
    times = placed(frames)
    assert set(gaps(times[12:])) == {PERIOD}
    assert allowed(times, 5) >= len(frames) / 5 - 2
    arrivals = [arrival for _, arrival in frames]
    assert allowed(arrivals, 5) < len(frames) / 10  # what the same frames would be worth without this


def test_drift_is_not_followed_by_every_frame() -> None:
    """A camera whose clock is fast by 100 ppm makes few steps: nearly all frames keep their distance."""
    frames = [(PERIOD * n, BOOT + PERIOD * n - PERIOD * n // 10_000) for n in range(25 * 600)]
    short = [gap for gap in gaps(placed(frames)) if gap < PERIOD]
    assert 1 <= len(short) <= 24
    assert min(short) >= PERIOD - 9 * MS


def steady(drawn: random.Random) -> float:
    """No frame is late."""
    return 0.0


def network(drawn: random.Random) -> float:
    """Frames are late by 8 ms on average, seldom by much more."""
    return drawn.expovariate(1 / 8)


def jittery(drawn: random.Random) -> float:
    """Lateness has a standard deviation of about 15 ms."""
    return max(0.0, drawn.gauss(30, 15))


@pytest.mark.soak
@pytest.mark.parametrize("jitter", [steady, network, jittery])
@pytest.mark.parametrize("ppm", [100, -100])
def test_days_of_drift(ppm: int, jitter: Callable[[random.Random], float], soaking: bool) -> None:
    """A camera's clock that is wrong by 100 ppm: ages stay right within 10 ms, caps lose less than 1 %."""
    length = DAY if soaking else DAY // 24
    drawn = random.Random(ppm)
    frame_time = FrameTime()
    caps = {cap: Subscription("camera", "model", cap) for cap in (5, 2.5)}
    arrival = 0
    for number in range(length // PERIOD):
        captured = BOOT + PERIOD * number + PERIOD * number * ppm // 1_000_000
        arrival = max(arrival, captured + 40 * MS + int(jitter(drawn) * MS))
        time = frame_time.place(PERIOD * number, arrival)
        assert time <= arrival
        for subscription in caps.values():
            subscription.judge(number, time)
        if number > 25 * 10:
            # Above it where for some time no frame came as soon as it could.
            assert -10 * MS <= time - (captured + 40 * MS) <= 5 * MS
    for cap, subscription in caps.items():
        assert subscription.allowed >= 0.99 * cap * length / S, cap


def test_a_longer_way_is_followed() -> None:
    """When every frame comes later than before, a minute later their times are right again."""
    frames = [(PERIOD * n, BOOT + PERIOD * n + (100 * MS if n > 250 else 0)) for n in range(25 * 90)]
    times = placed(frames)
    assert times[260] == BOOT + PERIOD * 260
    assert times[-1] == frames[-1][1]


@pytest.mark.parametrize(
    ("presentation", "what"),
    [
        (0, "backwards"),
        (PERIOD * 49, "equal"),
        (PERIOD * 49 + 1, "next to equal, which FFmpeg makes of backwards"),
        (PERIOD * 50 + 3 * S, "far forwards"),
        (PERIOD * 50 + 10**6 * S, "very far forwards"),
        (None, "none"),
    ],
)
def test_jumps(presentation: int | None, what: str) -> None:
    """After a jump of presentation times the frame carries its arrival, and the rhythm begins from there."""
    before = [(PERIOD * n, BOOT + PERIOD * n) for n in range(50)]
    start = BOOT + PERIOD * 50 + 7 * MS
    base = presentation if presentation is not None else 10**9
    after = [(base + PERIOD * n, start + PERIOD * n) for n in range(1, 20)]
    times = placed([*before, (presentation, start), *after])
    assert times[50] == start, what
    assert gaps(times[50:]) == [PERIOD] * 19


def test_a_jump_far_back_in_time() -> None:
    """A frame that comes half a minute later than it was due is not of the same rhythm."""
    frames = [(PERIOD * n, BOOT + PERIOD * n + (31 * S if n >= 50 else 0)) for n in range(60)]
    assert placed(frames) == [arrival for _, arrival in frames]


def test_a_stop_of_some_seconds_is_no_jump() -> None:
    """Frames held up for ten seconds and then let through together keep their rhythm."""
    frames = [(PERIOD * n, BOOT + max(PERIOD * n, 12 * S if n >= 50 else 0)) for n in range(400)]
    assert placed(frames) == [BOOT + PERIOD * n for n in range(400)]


def test_times_that_stand_still() -> None:
    """Presentation times that stand still do not hold frame time up: each frame carries its arrival."""
    frames = [(7, BOOT + PERIOD * n) for n in range(50)]
    assert placed(frames) == [arrival for _, arrival in frames]


def test_any_integers() -> None:
    """Whatever the presentation times are: a frame time lies between 0 and the arrival."""
    drawn = random.Random(9)
    arrival, frames = 0, []
    for _ in range(20_000):
        arrival += drawn.choice((0, 1, PERIOD, S, 100 * S))
        frames.append(
            (drawn.choice((None, 0, drawn.getrandbits(63), arrival + drawn.getrandbits(30))), arrival)
        )
    placed(frames)
