from __future__ import annotations

import ast
import inspect
import math
import re
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruth import units
from ruth.subscription import gate
from ruth.subscription.gate import INVALID_INTERVAL, NO_FRAME, Decision, decide, interval_ns
from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MS = 1_000_000
UINT64_MAX = 2**64 - 1
NTSC_30 = 30_000 / 1001  # 29.97002997...
NTSC_60 = 60_000 / 1001  # 59.94005994...

quick = settings(derandomize=True, max_examples=120, deadline=None)
caps = st.floats(0.05, 1000.0) | st.sampled_from([5, 10, 25, 30, NTSC_30, NTSC_60, 2.5, 1, 0.2])


class Asked(NamedTuple):
    """What a gate is asked, in the order of its arguments."""

    frame_id: int = 8
    timestamp_ns: int = 950
    last_frame_id: int = 7
    anchor_ns: int | None = 900
    interval: int | None = 100
    active: bool = True


class Row(NamedTuple):
    """One row of the table: as written in gate.py, as a condition, and a question that it answers."""

    text: str
    decision: Decision
    anchor: str
    holds: Callable[[Asked], bool]
    example: Asked


TABLE = (
    Row(
        "the subscription is not active",
        Decision.SKIP_INACTIVE,
        "",
        lambda asked: not asked.active,
        Asked(active=False),
    ),
    Row(
        "the id is not above the last dispatched one",
        Decision.SKIP_SEEN,
        "",
        lambda asked: asked.frame_id <= asked.last_frame_id,
        Asked(frame_id=7),
    ),
    Row(
        "there is no cap",
        Decision.ALLOW,
        "this frame",
        lambda asked: asked.interval is None,
        Asked(timestamp_ns=0, interval=None),
    ),
    Row(
        "the cap is invalid",
        Decision.SKIP_INVALID_CAP,
        "",
        lambda asked: asked.interval is not None and asked.interval < 0,
        Asked(interval=INVALID_INTERVAL),
    ),
    Row(
        "nothing was dispatched before",
        Decision.ALLOW,
        "this frame",
        lambda asked: asked.anchor_ns is None,
        Asked(0, 0, NO_FRAME, None),
    ),
    Row(
        "the interval has passed since the anchor",
        Decision.ALLOW,
        "this frame",
        lambda asked: asked.timestamp_ns - (asked.anchor_ns or 0) >= (asked.interval or 0),
        Asked(timestamp_ns=1000),
    ),
    Row(
        "the timestamp lies before the anchor",
        Decision.SKIP_BACKWARDS,
        "this time",
        lambda asked: asked.timestamp_ns < (asked.anchor_ns or 0),
        Asked(timestamp_ns=899),
    ),
    Row(
        "else",
        Decision.SKIP_INTERVAL,
        "",
        lambda _: True,
        Asked(timestamp_ns=999),
    ),
)

near = st.integers(0, 5)  # numbers that often meet each other
numbers = near | st.integers(0, UINT64_MAX) | st.sampled_from([0, 2**63 - 1, 2**63, UINT64_MAX])
questions = st.builds(
    Asked,
    frame_id=numbers,
    timestamp_ns=numbers,
    last_frame_id=numbers | st.just(NO_FRAME),
    anchor_ns=numbers | st.none(),
    interval=numbers | st.none() | st.just(INVALID_INTERVAL),
    active=st.integers(0, 9).map(bool),
)


def allowed(timestamps: Iterable[int], cap: float | None) -> list[int]:
    """Positions of the frames that a subscription with ``cap`` gets, its memory kept as the table says."""
    interval = interval_ns(cap)
    last_frame_id, anchor = NO_FRAME, None
    positions = []
    for position, timestamp in enumerate(timestamps):
        decision = decide(position, timestamp, last_frame_id, anchor, interval, True)
        if decision is Decision.ALLOW:
            positions.append(position)
            last_frame_id = position
        if decision in (Decision.ALLOW, Decision.SKIP_BACKWARDS):
            anchor = timestamp
    return positions


def camera(
    fps: float | Fraction,
    frames: int,
    start: int = 0,
    rounded: Callable[[Fraction], int] = round,
) -> list[int]:
    """Timestamps of a camera of exactly ``fps``, in whole nanoseconds."""
    return [start + rounded(NANOSECONDS * number / Fraction(fps)) for number in range(frames)]


@st.composite
def forward_streams(draw: st.DrawFn) -> list[int]:
    """Timestamps that never run backwards: a source of any rate, its jitter, its pauses, its repeats."""
    period = draw(st.integers(1 * MS, 500 * MS))
    jitter = draw(st.integers(0, period - 1))
    step = st.integers(period - jitter, period + jitter)
    pause = st.sampled_from([0, 0, 0, 1, period, 10 * NANOSECONDS])
    steps = draw(st.lists(st.tuples(step, pause).map(sum), max_size=80))
    return list(accumulate(steps, initial=draw(st.sampled_from([0, 1795294536609118200, 2**63]))))


class Stepped(NamedTuple):
    """Frames of one camera under a cap, and a clock that steps between them.

    Attributes:
        cap: Of the subscription.
        arrivals: When each frame came, by a clock that never steps.
        offsets: What the stepping clock was off by at each frame.

    """

    cap: float
    arrivals: list[int]
    offsets: list[int]

    @property
    def interval(self) -> int:
        """That the cap stands for."""
        return NANOSECONDS // Fraction(self.cap)

    @property
    def timestamps(self) -> list[int]:
        """What the stepping clock said at each frame."""
        return [arrival + offset for arrival, offset in zip(self.arrivals, self.offsets, strict=True)]

    @property
    def steps(self) -> list[int]:
        """Each step, backwards below 0."""
        return [later - earlier for earlier, later in pairwise(self.offsets) if later != earlier]

    @property
    def eligible(self) -> list[int]:
        """When each eligible frame came."""
        return [self.arrivals[position] for position in allowed(self.timestamps, self.cap)]

    @property
    def early(self) -> int:
        """Eligible frames that came sooner than the interval after the one before."""
        return sum(later - earlier < self.interval for earlier, later in pairwise(self.eligible))


@st.composite
def stepping_streams(draw: st.DrawFn, *, forward: bool) -> Stepped:
    """Cameras of any rate, whose clock steps by 0.1 to 3 intervals, or by anything up to an hour."""
    cap = draw(caps)
    interval = NANOSECONDS // Fraction(cap)
    period = draw(st.integers(10 * MS, 500 * MS))
    arrivals = list(accumulate(draw(st.lists(st.integers(period // 2, period), min_size=1, max_size=80))))
    size = st.integers(1, 30).map(lambda tenths: interval * tenths // 10)
    size |= st.integers(1, 3 * NANOSECONDS) | st.just(3600 * NANOSECONDS)
    signed = st.builds(lambda size, back: -size if back else size, size, st.booleans())
    sizes = signed if forward else size.map(lambda size: -size)
    changes = {draw(st.integers(0, len(arrivals) - 1)): draw(sizes) for _ in range(draw(st.integers(0, 6)))}
    offsets = accumulate(
        (changes.get(position, 0) for position in range(len(arrivals))), initial=10**15 * NANOSECONDS
    )
    return Stepped(cap, arrivals, list(offsets)[1:])


def one_step(cap: float, period: int, tenths: int, position: int, frames: int = 40) -> Stepped:
    """A camera whose clock steps once, before the frame at ``position``, by tenths of an interval."""
    step = (NANOSECONDS // Fraction(cap)) * tenths // 10
    offsets = [10**15 + (step if place >= position else 0) for place in range(frames)]
    return Stepped(cap, [period * place for place in range(frames)], offsets)


# Steps of 0.1 to 3 intervals, at every phase: frames of 25 and of 30 fps, and some that meet the interval.
every_step = pytest.mark.parametrize("tenths", range(1, 31))
every_rate = pytest.mark.parametrize(("cap", "period"), [(10, 40 * MS), (5, 40 * MS), (7, 33_366_666)])


def test_the_docstring_holds_this_table() -> None:
    """The table in gate.py has these rows, in this order, with these decisions and anchors."""
    _, *written = re.findall(r"^\| (.+?) *\| (\w+) *\| (.*?) *\|$", gate.__doc__ or "", re.MULTILINE)
    assert written == [(row.text, row.decision.name, row.anchor) for row in TABLE]


@pytest.mark.parametrize("row", TABLE, ids=[row.text for row in TABLE])
def test_each_row_decides_what_it_says(row: Row) -> None:
    """Each row of the table decides a frame of which it is the first that holds."""
    assert next(other for other in TABLE if other.holds(row.example)) is row
    assert decide(*row.example) is row.decision


@settings(derandomize=True, max_examples=400, deadline=None)
@given(questions)
def test_the_first_row_that_holds_decides(asked: Asked) -> None:
    """Whatever the numbers are, the first row of the table that holds is the decision."""
    first = next(row for row in TABLE if row.holds(asked))
    assert decide(*asked) is first.decision


def test_the_numbers_of_decisions_never_change_meaning() -> None:
    """Decisions are stored in agent.state by these numbers."""
    assert {decision.name: decision.value for decision in Decision} == {
        "NONE": 0,
        "ALLOW": 1,
        "SKIP_INTERVAL": 2,
        "SKIP_BACKWARDS": 3,
        "SKIP_SEEN": 4,
        "SKIP_INACTIVE": 5,
        "SKIP_INVALID_CAP": 6,
        "SKIP_STOPPED": 7,
        "SKIP_FAULT": 8,
    }


@settings(derandomize=True, max_examples=300, deadline=None)
@given(
    st.integers(),
    st.integers(),
    st.integers(),
    st.integers() | st.none(),
    st.integers() | st.none(),
    st.booleans(),
)
def test_a_gate_never_raises(
    frame_id: int,
    timestamp_ns: int,
    last_frame_id: int,
    anchor_ns: int | None,
    interval: int | None,
    active: bool,
) -> None:
    """Every combination of integers, of any size and sign, has a decision, and it is one of the table's."""
    decision = decide(frame_id, timestamp_ns, last_frame_id, anchor_ns, interval, active)
    assert decision in {row.decision for row in TABLE}


@pytest.mark.parametrize("anchor", [None, 0, 2**63, UINT64_MAX])
@pytest.mark.parametrize("timestamp", [0, 1, 2**63 - 1, 2**63, UINT64_MAX])
@pytest.mark.parametrize("frame_id", [0, 2**63, UINT64_MAX])
def test_the_ends_of_64_bits_are_numbers_like_others(
    frame_id: int, timestamp: int, anchor: int | None
) -> None:
    """Ids and timestamps of 0, 2^63 and 2^64 - 1 are judged by their value, without wrapping around."""
    elapsed = None if anchor is None else timestamp - anchor
    expected = Decision.SKIP_INTERVAL
    if elapsed is None or elapsed >= 100:
        expected = Decision.ALLOW
    elif elapsed < 0:
        expected = Decision.SKIP_BACKWARDS
    assert decide(frame_id, timestamp, frame_id - 1, anchor, 100) is expected


@quick
@given(forward_streams(), caps)
def test_two_eligible_frames_are_never_closer_than_the_interval(stream: list[int], cap: float) -> None:
    """FPS is a maximum: two eligible frames are never closer than 1/max_fps, rounded down, in frame time."""
    times = [stream[position] for position in allowed(stream, cap)]
    interval = NANOSECONDS // Fraction(cap)
    assert all(later - earlier >= interval for earlier, later in pairwise(times))


@quick
@given(forward_streams(), caps)
def test_the_cap_holds_in_every_window(stream: list[int], cap: float) -> None:
    """In any window of frame time there is at most one eligible frame per interval, and the first."""
    times = [stream[position] for position in allowed(stream, cap)]
    interval = NANOSECONDS // Fraction(cap)
    for first, begin in enumerate(times):
        for count, end in enumerate(times[first:], start=1):
            assert count <= (end - begin) // interval + 1


@quick
@given(forward_streams(), caps)
def test_a_frame_is_skipped_only_inside_an_interval(stream: list[int], cap: float) -> None:
    """While time runs forward, a skipped frame is closer than the interval to the eligible one before it."""
    eligible = set(allowed(stream, cap))
    interval = NANOSECONDS // Fraction(cap)
    last = stream[0]
    for position, timestamp in enumerate(stream):
        if position in eligible:
            last = timestamp
        else:
            assert timestamp - last < interval


@quick
@given(
    st.integers(-(2**64), 2**64),
    st.integers(0, UINT64_MAX),
    st.integers(0, UINT64_MAX),
    st.integers(0, 2**40),
)
def test_only_the_distance_in_frame_time_counts(shift: int, time: int, anchor: int, interval: int) -> None:
    """The clock's origin means nothing: no phase is aligned to, only the time since the anchor is judged."""
    assert decide(1, time + shift, 0, anchor + shift, interval) is decide(1, time, 0, anchor, interval)


@pytest.mark.parametrize("rounded", [math.floor, round, math.ceil], ids=["down", "nearest", "up"])
@pytest.mark.parametrize("start", [0, 1795294536609118200])
@pytest.mark.parametrize("fps", [24_000 / 1001, 25, NTSC_30, 30, 50, 59.94, NTSC_60, 60, 120, 7, 2.5, 1, 0.3])
def test_a_source_at_exactly_the_cap_passes_every_frame(
    fps: float, start: int, rounded: Callable[[Fraction], int]
) -> None:
    """A source at exactly the cap passes every frame, however it rounds its timestamps."""
    assert len(allowed(camera(fps, 2000, start, rounded), fps)) == 2000


@pytest.mark.parametrize(
    ("source", "cap"), [(Fraction(30_000, 1001), NTSC_30), (Fraction(60_000, 1001), NTSC_60)]
)
def test_a_broadcast_rate_passes_its_own_cap(source: Fraction, cap: float) -> None:
    """A source of 30000/1001 or 60000/1001 passes a cap written as that quotient in floating point."""
    assert len(allowed(camera(source, 2000), cap)) == 2000


@quick
@given(st.floats(0.05, 1000.0), st.floats(0.05, 1000.0))
def test_a_source_below_the_cap_passes_every_frame(one: float, other: float) -> None:
    """A source slower than the cap loses nothing."""
    assert len(allowed(camera(min(one, other), 100), max(one, other))) == 100


def test_10_of_25_fps_is_8_33() -> None:
    """A cap of 10 on a source of 25 fps gives every third frame, 8.33 fps: below the cap, and never 12.5."""
    assert allowed(camera(25, 250), 10) == list(range(0, 250, 3))


@pytest.mark.parametrize(
    ("cap", "every"),
    [(25, 1), (24.9, 2), (12.5, 2), (12.4, 3), (10, 3), (5, 5), (2.5, 10), (1, 25), (0.5, 50)],
)
def test_a_cap_takes_the_nearest_rate_that_is_not_above_it(cap: float, every: int) -> None:
    """Of a regular source, every n-th frame is eligible, n being the least that keeps to the cap."""
    assert allowed(camera(25, 250), cap) == list(range(0, 250, every))


@pytest.mark.parametrize("pause", [200 * MS, 10 * NANOSECONDS, 86_400 * NANOSECONDS])
def test_a_pause_is_not_caught_up(pause: int) -> None:
    """After a pause one frame is eligible at once and the next an interval later: nothing was saved up."""
    before = camera(25, 25)
    after = camera(25, 25, before[-1] + pause)
    eligible = [position - 25 for position in allowed(before + after, 5) if position >= 25]
    assert eligible == [0, 5, 10, 15, 20]


def test_a_late_frame_does_not_shorten_the_next_interval() -> None:
    """The interval runs from the frame that was eligible, not from when it could have been."""
    assert allowed([0, 199, 399, 400, 598, 599], 5_000_000) == [0, 2, 5]


def test_equal_timestamps_are_one_moment() -> None:
    """Of frames with the same timestamp one is eligible, whatever their ids are."""
    assert allowed([5 * NANOSECONDS] * 100, 25) == [0]


def test_without_a_cap_every_new_frame_is_eligible() -> None:
    """Without max_fps every new frame is eligible, whatever its timestamp is."""
    assert allowed([5, 5, 0, UINT64_MAX, 1], None) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("frame_id", [0, 1, UINT64_MAX])
@pytest.mark.parametrize("timestamp", [0, 1, UINT64_MAX])
def test_the_first_frame_is_eligible(frame_id: int, timestamp: int) -> None:
    """The first frame is eligible under any valid cap, whatever its id and timestamp are."""
    assert decide(frame_id, timestamp, NO_FRAME, None, interval_ns(0.001)) is Decision.ALLOW


@pytest.mark.parametrize("frame_id", [0, 6, 7])
def test_an_id_is_dispatched_once(frame_id: int) -> None:
    """An id at or below the last dispatched one is skipped, however much time has passed, cap or none."""
    assert decide(frame_id, UINT64_MAX, 7, 0, 1) is Decision.SKIP_SEEN
    assert decide(frame_id, UINT64_MAX, 7, 0, None) is Decision.SKIP_SEEN


@pytest.mark.parametrize("row", TABLE, ids=[row.text for row in TABLE])
def test_an_inactive_subscription_gets_nothing(row: Row) -> None:
    """An inactive subscription is skipped, whatever else holds."""
    assert decide(*row.example._replace(active=False)) is Decision.SKIP_INACTIVE


@every_rate
@every_step
def test_one_step_back_costs_at_most_one_interval_and_yields_no_extra_frame(
    cap: float, period: int, tenths: int
) -> None:
    """After one step back, of any size at any phase, a frame an interval later is eligible, none sooner."""
    for position in range(1, 20):
        stream = one_step(cap, period, -tenths, position)
        plain = allowed(stream.arrivals, cap)
        assert stream.early == 0
        assert len(stream.eligible) >= len(plain) - 1
        begun = stream.arrivals[position]
        first = next(arrival for arrival in stream.arrivals if arrival - begun >= stream.interval)
        assert any(begun <= eligible <= first for eligible in stream.eligible)


@every_rate
@every_step
def test_one_step_forward_lets_at_most_one_frame_early(cap: float, period: int, tenths: int) -> None:
    """After one step forward, of any size at any phase, one frame may come early; then the cap holds."""
    for position in range(1, 20):
        stream = one_step(cap, period, tenths, position)
        assert stream.early <= 1
        assert len(stream.eligible) <= len(allowed(stream.arrivals, cap)) + 1


@every_rate
@every_step
@pytest.mark.parametrize("swings", [1, 2, 7])
def test_a_clock_that_swings_n_times_lets_at_most_n_frames_early(
    cap: float, period: int, tenths: int, swings: int
) -> None:
    """A clock that goes back and forth n times lets at most n frames through early, at every phase."""
    step = (NANOSECONDS // Fraction(cap)) * tenths // 10
    for length in (1, 2, 3, 5):
        back = {
            place for swing in range(swings) for place in range(2 * length * swing, (2 * swing + 1) * length)
        }
        offsets = [10**15 - (step if place in back else 0) for place in range(80)]
        stream = Stepped(cap, [period * place for place in range(80)], offsets)
        assert stream.early <= swings


def test_a_step_back_goes_on_after_one_interval_of_frame_time() -> None:
    """One step back of 150 ms at 25 fps under a cap of 10: the next frame is eligible after 100 ms."""
    timestamps = [0, 40, 80, 120, 10, 50, 90, 130, 170, 210, 250]
    eligible = allowed([timestamp * MS for timestamp in timestamps], 10)
    assert [timestamps[position] for position in eligible] == [0, 120, 130, 250]


@quick
@given(stepping_streams(forward=False))
def test_a_clock_set_back_yields_no_extra_frame(stream: Stepped) -> None:
    """However often a clock is set back, eligible frames also *arrive* at least an interval apart."""
    assert stream.early == 0
    assert len(stream.eligible) <= len(allowed(stream.arrivals, stream.cap))


@quick
@given(stepping_streams(forward=False))
def test_a_clock_set_back_costs_at_most_one_frame_a_step(stream: Stepped) -> None:
    """Each step back loses at most one of the frames that would have been eligible without it."""
    assert len(stream.eligible) >= len(allowed(stream.arrivals, stream.cap)) - len(stream.steps)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(stepping_streams(forward=True))
def test_each_step_forward_lets_at_most_one_frame_early(stream: Stepped) -> None:
    """Whatever a clock does, no more frames come early than it stepped forward."""
    assert stream.early <= sum(step > 0 for step in stream.steps)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(stepping_streams(forward=True))
def test_a_clock_step_costs_at_most_one_interval(stream: Stepped) -> None:
    """Whatever a clock did, a frame is eligible at the latest with the first that is one interval on.

    The interval is counted from the first frame after the step, so no sequence of steps starves a
    subscription for longer than the clock itself is in place.
    """
    timestamps, offsets = stream.timestamps, stream.offsets
    eligible = set(allowed(timestamps, stream.cap))
    since = 0  # first frame from which on neither a step nor an eligible frame was met
    for position, timestamp in enumerate(timestamps):
        if position and offsets[position] != offsets[position - 1]:
            since = position
        if position in eligible:
            since = position + 1
        else:
            assert since > position or timestamp - timestamps[since] < stream.interval


@settings(derandomize=True, max_examples=200, deadline=None)
@given(stepping_streams(forward=True))
def test_the_cap_holds_between_clock_steps(stream: Stepped) -> None:
    """Between two eligible frames without a step back between them there is an interval of frame time."""
    timestamps = stream.timestamps
    for earlier, later in pairwise(allowed(timestamps, stream.cap)):
        between = timestamps[earlier : later + 1]
        if between == sorted(between):
            assert timestamps[later] - timestamps[earlier] >= stream.interval


@quick
@given(stepping_streams(forward=True))
def test_a_frame_that_runs_backwards_is_never_eligible(stream: Stepped) -> None:
    """A frame whose timestamp lies before the last eligible one's is not eligible at its first sight."""
    timestamps = stream.timestamps
    eligible = allowed(timestamps, stream.cap)
    for position in eligible:
        if position + 1 < len(timestamps) and timestamps[position + 1] < timestamps[position]:
            assert position + 1 not in eligible


def test_an_hour_back_costs_one_interval() -> None:
    """A clock set back an hour loses one frame and then goes on in its new time at the same rate."""
    hour = 3600 * NANOSECONDS
    stream = camera(25, 25, hour) + camera(25, 25, 40 * MS)
    assert allowed(stream, 5) == [0, 5, 10, 15, 20, 30, 35, 40, 45]


def test_an_hour_forward_costs_nothing() -> None:
    """A clock set forward makes the next frame eligible at once, and the cap holds from there."""
    hour = 3600 * NANOSECONDS
    assert allowed(camera(25, 23) + camera(25, 12, hour), 5) == [0, 5, 10, 15, 20, 23, 28, 33]


def test_a_step_back_within_the_interval_is_no_new_anchor() -> None:
    """A clock set back, but not before the last eligible frame, moves no anchor."""
    assert decide(3, 150, 1, 100, 100) is Decision.SKIP_INTERVAL
    assert allowed([100, 180, 120, 199, 200], 10_000_000) == [0, 4]


def test_a_clock_that_falls_for_ever_yields_one_frame() -> None:
    """While every timestamp lies before the one before it, no frame but the first is eligible."""
    assert allowed(range(100 * NANOSECONDS, 0, -NANOSECONDS), 25) == [0]


@settings(derandomize=True, max_examples=300, deadline=None)
@given(
    st.floats(min_value=0, exclude_min=True, allow_infinity=False)
    | st.integers(1, 10**30)
    | st.sampled_from([5e-324, 1.7976931348623157e308, 29.97, NTSC_30, 1e9, 3])
)
def test_the_interval_is_exactly_rounded_down(cap: float) -> None:
    """The interval is 1/max_fps in nanoseconds, rounded down from the exact value of the cap."""
    assert interval_ns(cap) == math.floor(Fraction(NANOSECONDS) / Fraction(cap))


@pytest.mark.parametrize(
    ("cap", "expected"),
    [
        (25, 40_000_000),
        (25.0, 40_000_000),
        (2.5, 400_000_000),
        (30, 33_333_333),
        (NTSC_30, 33_366_666),
        (3, 333_333_333),
        (0.001, 999_999_999_999),  # the float nearest to 0.001 is a little above it
        (10**9, 1),
        (10**9 + 1, 0),
    ],
)
def test_intervals_of_usual_caps(cap: float, expected: int) -> None:
    """Whole numbers and fractions of frames a second have these intervals."""
    assert interval_ns(cap) == expected


def test_no_cap_has_no_interval() -> None:
    """An absent cap is not a cap, and not an invalid one."""
    assert interval_ns(None) is None


@pytest.mark.parametrize(
    "cap",
    [
        math.nan,
        math.inf,
        -math.inf,
        0,
        0.0,
        -0.0,
        -1,
        -5.0,
        -5e-324,
        -(10**400),
        True,
        False,
        "5",
        "",
        b"5",
        5j,
        Decimal(5),
        Fraction(5),
        [5],
        pytest.param(object(), id="an object"),
    ],
    ids=repr,
)
def test_an_invalid_cap_fails_closed(cap: object) -> None:
    """What is not a finite number above 0 is an invalid cap: nothing raises, every new frame is skipped."""
    interval = interval_ns(cap)
    assert interval == INVALID_INTERVAL
    assert decide(0, 0, NO_FRAME, None, interval) is Decision.SKIP_INVALID_CAP
    assert decide(9, UINT64_MAX, 8, 0, interval) is Decision.SKIP_INVALID_CAP


@pytest.mark.parametrize("cap", [10**400, 1.7976931348623157e308, 10**9 + 1])
def test_a_cap_beyond_nanoseconds_is_no_cap_at_all(cap: float) -> None:
    """A cap whose interval is below a nanosecond skips only frames whose time runs backwards."""
    assert allowed([7, 7, 7, 8, 6, 6], cap) == [0, 1, 2, 3, 5]


def test_a_gate_is_asked_nothing_but_ids_and_times() -> None:
    """Inputs are the frame's id and timestamp, and the subscription's own last ones, interval and switch."""
    assert tuple(inspect.signature(decide).parameters) == Asked._fields


SOURCE = ast.parse(Path(inspect.getfile(gate)).read_text(encoding="utf-8"))


def test_a_gate_imports_nothing_that_could_read_wait_or_tell() -> None:
    """The gate imports enum, typing, __future__ and a number, nothing else, and so no clock, log or I/O."""
    imported: set[str | None] = set()
    for node in ast.walk(SOURCE):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module)
    assert imported <= {"__future__", "enum", "typing", "ruth.units"}
    tree = ast.parse(Path(units.__file__).read_text(encoding="utf-8"))
    assert {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)} == {
        "__future__",
        "typing",
    }
    assert not [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.Call))]


def test_a_gate_has_no_loop_and_keeps_nothing() -> None:
    """The gate has no loop, no waiting, no global or outer variable that it changes, and opens nothing."""
    forbidden = (
        ast.For,
        ast.While,
        ast.AsyncFor,
        ast.With,
        ast.Await,
        ast.Yield,
        ast.Global,
        ast.Nonlocal,
        ast.comprehension,
    )
    assert not [node for node in ast.walk(SOURCE) if isinstance(node, forbidden)]
    called = {
        node.func.id
        for node in ast.walk(SOURCE)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert called <= {"isinstance"}
