from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruth.errors import InvalidCapError, InvalidIdError
from ruth.subscription.gate import NO_FRAME, Decision, decide, interval_ns
from ruth.subscription.subscription import ShortForm, Subscription, SubscriptionState, judge_each

if TYPE_CHECKING:
    from collections.abc import Iterable

MS = 1_000_000
SECOND = 1000 * MS

quick = settings(derandomize=True, max_examples=100, deadline=None)
# Frames as a gate may meet them: ids that repeat, times that jump.
frames = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2 * SECOND)), max_size=60)
# From one frame to the next: at and around the intervals of 25 and 5 fps, to either side.
NEAR_STEPS = [sign * (step * MS + by) for sign in (1, -1) for step in (0, 40, 200) for by in (-1, 0, 1)]


def gate_memory(subscription: Subscription) -> tuple[int, int | None]:
    """The gate's memory: id last dispatched, and the anchor."""
    return subscription.last_frame_id, subscription.anchor_ns


def judged(subscription: Subscription, stream: Iterable[tuple[int, int]]) -> list[Decision]:
    """What a subscription decides about each frame of a stream."""
    return [subscription.judge(frame_id, timestamp) for frame_id, timestamp in stream]


def test_a_subscription_is_a_model_of_a_camera() -> None:
    """A subscription's identity is its camera id and its model id."""
    subscription = Subscription("front-door", "person", 5)
    assert (subscription.camera_id, subscription.model_id) == ("front-door", "person")


@pytest.mark.parametrize("bad", ["", "..", "a/b", "a\n", "x" * 65])
@pytest.mark.parametrize("kind", ["camera", "model"])
def test_both_ids_are_checked(kind: str, bad: str) -> None:
    """A subscription with a bad camera id or model id cannot be made, and the error says which of the two."""
    ids = {"camera": "front-door", "model": "person", kind: bad}
    with pytest.raises(InvalidIdError) as raised:
        Subscription(ids["camera"], ids["model"])
    assert (raised.value.kind, raised.value.value) == (kind, bad)


@pytest.mark.parametrize("cap", [0, -1, 0.0, -2.5, math.nan, math.inf, True, "5"], ids=repr)
def test_an_invalid_cap_is_refused(cap: float) -> None:
    """A subscription with an invalid cap cannot be made, and the error carries the cap."""
    with pytest.raises(InvalidCapError) as raised:
        Subscription("front-door", "person", cap)
    assert raised.value.value is cap


@pytest.mark.parametrize("cap", [None, 5, 5.0, 2.5, 30_000 / 1001, 5e-324, 10**9])
def test_the_cap_stays_as_it_was_given(cap: float | None) -> None:
    """The cap reads back as it was given and cannot be changed."""
    subscription = Subscription("front-door", "person", cap)
    assert subscription.max_fps is cap
    with pytest.raises(AttributeError):
        subscription.max_fps = 25  # type: ignore[misc]


def test_a_new_subscription_has_decided_nothing() -> None:
    """A subscription begins active, without a cap, with empty counters."""
    subscription = Subscription("front-door", "person")
    assert subscription.active
    assert subscription.max_fps is None
    assert gate_memory(subscription) == (NO_FRAME, None)
    assert (subscription.allowed, subscription.skipped) == (0, 0)
    assert subscription.last_decision is Decision.NONE


@pytest.mark.parametrize(
    ("frame", "decision", "after"),
    [
        ((7, 5 * SECOND), Decision.SKIP_SEEN, (7, 1 * SECOND)),
        ((8, 1 * SECOND), Decision.SKIP_INTERVAL, (7, 1 * SECOND)),
        ((8, 1 * SECOND + 199 * MS), Decision.SKIP_INTERVAL, (7, 1 * SECOND)),
        ((8, 1 * SECOND + 200 * MS), Decision.ALLOW, (8, 1 * SECOND + 200 * MS)),
        ((8, 1 * SECOND - 1), Decision.SKIP_BACKWARDS, (7, 1 * SECOND - 1)),
    ],
    ids=["seen", "same time", "inside the interval", "after the interval", "backwards"],
)
def test_a_decision_moves_id_and_anchor_as_the_table_says(
    frame: tuple[int, int], decision: Decision, after: tuple[int, int]
) -> None:
    """An eligible frame becomes last id and anchor, a backward one only the anchor, any other nothing."""
    subscription = Subscription("front-door", "person", 5)
    subscription.judge(7, 1 * SECOND)
    assert subscription.judge(*frame) is decision
    assert gate_memory(subscription) == after


def test_an_inactive_subscription_remembers_nothing() -> None:
    """While a subscription is inactive its frames are skipped and leave id and anchor alone."""
    subscription = Subscription("front-door", "person", 5, active=False)
    assert judged(subscription, [(0, 0), (1, SECOND)]) == [Decision.SKIP_INACTIVE] * 2
    assert gate_memory(subscription) == (NO_FRAME, None)


def test_activity_does_not_lift_the_cap() -> None:
    """Switching a subscription off and on again gives no frame inside the interval."""
    subscription = Subscription("front-door", "person", 5)
    subscription.judge(0, 0)
    subscription.active = False
    subscription.judge(1, 40 * MS)
    subscription.active = True
    assert subscription.judge(2, 80 * MS) is Decision.SKIP_INTERVAL
    assert subscription.judge(5, 200 * MS) is Decision.ALLOW


@quick
@given(frames, st.sampled_from([None, 0.5, 5, 25, 1000]))
def test_a_subscription_is_the_gate_and_its_memory(stream: list[tuple[int, int]], cap: float | None) -> None:
    """Every decision is the gate's, asked with the frame and this subscription's own memory alone."""
    subscription = Subscription("front-door", "person", cap)
    for frame_id, timestamp in stream:
        expected = decide(frame_id, timestamp, *gate_memory(subscription), interval_ns(cap), True)
        assert subscription.judge(frame_id, timestamp) is expected


@quick
@given(
    st.lists(
        st.one_of(
            st.tuples(st.integers(0, 40), st.integers(0, 2 * SECOND)),
            st.sampled_from(["on", "off", "another export"]),
        ),
        max_size=80,
    ),
    st.sampled_from([None, 0.5, 5, 25, 1000]),
)
def test_whatever_happens_the_gate_decides(
    happenings: list[tuple[int, int] | str], cap: float | None
) -> None:
    """Also when a model is inactive and wanted again, and exports come and go, each answer is the gate's."""
    subscription = Subscription("front-door", "person", cap)
    for happening in happenings:
        if happening == "another export":
            subscription.start_export()
        elif isinstance(happening, str):
            subscription.active = happening == "on"
        else:
            wanted = decide(*happening, *gate_memory(subscription), interval_ns(cap), subscription.active)
            assert subscription.judge(*happening) is subscription.last_decision is wanted


@quick
@given(
    st.lists(
        st.one_of(
            st.lists(st.one_of(st.integers(0, 400 * MS), st.sampled_from(NEAR_STEPS)), max_size=12),
            st.tuples(st.integers(0, 40), st.integers(0, 2 * SECOND)),
            st.sampled_from(["on", "off", "another export"]),
        ),
        max_size=30,
    ),
    st.lists(st.sampled_from([None, 0.5, 5, 25, 1000]), max_size=4),
)
def test_judging_each_is_judging_one_after_the_other(
    happenings: list[list[int] | tuple[int, int] | str], caps: list[float | None]
) -> None:
    """judge_each() leaves the counters that judge() of each subscription leaves, whatever happened before.

    A list is a run of frames as a camera sends them, each so many nanoseconds after the one before.
    """
    together = [Subscription("front-door", f"m{place}", cap) for place, cap in enumerate(caps)]
    alone = [Subscription("front-door", f"m{place}", cap) for place, cap in enumerate(caps)]
    frame_id, timestamp_ns = 0, SECOND

    def show(frame_id: int, timestamp_ns: int) -> None:
        judge_each(together, frame_id, timestamp_ns)
        for subscription in alone:
            subscription.judge(frame_id, timestamp_ns)
        for one, other in zip(together, alone, strict=True):
            assert all(getattr(one, name) == getattr(other, name) for name in Subscription.__slots__)

    for happening in happenings:
        if isinstance(happening, tuple):
            frame_id, timestamp_ns = happening
            show(frame_id, timestamp_ns)
        elif isinstance(happening, list):
            for step_ns in happening:
                frame_id, timestamp_ns = frame_id + 1, max(0, timestamp_ns + step_ns)
                show(frame_id, timestamp_ns)
        else:
            for subscription in together + alone:
                if happening == "another export":
                    subscription.start_export()
                else:
                    subscription.active = happening == "on"


@pytest.mark.parametrize(
    ("step_ns", "decision"),
    [
        (0, Decision.SKIP_INTERVAL),
        (200 * MS - 1, Decision.SKIP_INTERVAL),
        (200 * MS, Decision.ALLOW),
        (200 * MS + 1, Decision.ALLOW),
        (-1, Decision.SKIP_BACKWARDS),
    ],
)
@pytest.mark.parametrize("allowed", [1, 2])
def test_judging_each_keeps_the_interval_to_the_nanosecond(
    allowed: int, step_ns: int, decision: Decision
) -> None:
    """Counted from the first frame allowed or from a later one, a frame at the interval is eligible."""
    subscription = Subscription("front-door", "person", 5)
    last_ns = SECOND
    for frame_id in range(allowed):
        last_ns += 200 * MS
        judge_each([subscription], frame_id, last_ns)
    assert subscription.allowed == allowed
    judge_each([subscription], allowed, last_ns + step_ns)
    assert subscription.last_decision is decision


def test_a_frame_allowed_after_a_step_back_is_the_new_anchor() -> None:
    """What is counted from is the last frame allowed again, not the time that ran backwards before it."""
    subscription = Subscription("front-door", "person", 5)
    stream = [(0, SECOND), (1, SECOND // 2), (2, SECOND // 2 + 200 * MS), (3, SECOND // 2 + 100 * MS)]
    assert judged(subscription, stream[:3]) == [Decision.ALLOW, Decision.SKIP_BACKWARDS, Decision.ALLOW]
    assert subscription.anchor_ns == stream[2][1]
    assert judged(subscription, stream[3:]) == [Decision.SKIP_BACKWARDS]


def test_judging_each_counts_from_a_time_that_ran_backwards() -> None:
    """A time before the last one allowed is what the interval is counted from, here as in judge()."""
    subscription = Subscription("front-door", "person", 5)
    judge_each([subscription], 0, SECOND)
    judge_each([subscription], 1, SECOND - 1)
    judge_each([subscription], 2, SECOND - 1 + 200 * MS)
    assert (subscription.allowed, subscription.skipped) == (2, 1)


def follow(
    form: ShortForm, before: SubscriptionState, stream: Iterable[tuple[int, int]]
) -> tuple[SubscriptionState, int]:
    """What a subscription comes to by its short form, and how many frames that was for."""
    state, taken = before, 0
    from_ns, wait_ns, early, due, interval = form
    for frame_id, timestamp_ns in stream:
        if timestamp_ns < from_ns:
            break
        taken += 1
        decision = early if timestamp_ns - from_ns < wait_ns else due
        state = state._replace(skipped=state.skipped + 1, last_decision=decision)
        if decision is Decision.ALLOW:
            state = SubscriptionState(
                state.allowed + 1, state.skipped - 1, frame_id, timestamp_ns, Decision.ALLOW
            )
            if interval is not None:
                from_ns, wait_ns = timestamp_ns, interval
    return state, taken


runs = st.lists(st.integers(0, 400 * MS) | st.sampled_from(NEAR_STEPS), max_size=12)


@settings(derandomize=True, max_examples=400, deadline=None)
@given(
    st.sampled_from([None, 0.5, 5, 25, 1000, 10**10, 2e-10]),
    st.booleans(),
    st.lists(st.tuples(runs, st.booleans()), max_size=4),
)
def test_a_short_form_comes_to_what_the_gate_comes_to(
    cap: float | None, active: bool, turns: list[tuple[list[int], bool]]
) -> None:
    """Followed for as many frames as it is for, it leaves a subscription as judge() of each would."""
    judging, following = (Subscription("front-door", "person", cap, active) for _ in range(2))
    frame_id, timestamp_ns = 0, SECOND
    for steps, another_export in turns:
        stream = []
        for step_ns in steps:
            frame_id, timestamp_ns = frame_id + 1, max(0, timestamp_ns + step_ns)
            stream.append((frame_id, timestamp_ns))
        form, taken = following.short_form(), 0
        if form is not None:
            state, taken = follow(form, following.state(), stream)
            following.adopt(state)
        judged(following, stream[taken:])
        judged(judging, stream)
        assert all(getattr(judging, name) == getattr(following, name) for name in Subscription.__slots__)
        if another_export:
            frame_id = 0
            judging.start_export()
            following.start_export()


def test_a_short_form_is_void_for_time_that_runs_backwards() -> None:
    """A timestamp before the anchor is a row of the table that no short form stands for."""
    subscription = Subscription("front-door", "person", 5)
    subscription.judge(0, SECOND)
    form = subscription.short_form()
    assert form is not None
    assert follow(form, subscription.state(), [(1, SECOND - 1), (2, 2 * SECOND)])[1] == 0


@pytest.mark.parametrize("interval", [-1, -(2**70), 2**64])
def test_an_invalid_cap_or_an_interval_beyond_64_bits_has_no_short_form(interval: int) -> None:
    """What is not to be decided elsewhere is said here, not left to the size of a field."""
    subscription = Subscription("front-door", "person", 5)
    subscription.interval = interval
    assert subscription.short_form() is None


def test_an_inactive_subscription_has_a_short_form_whatever_its_cap_is() -> None:
    """It says skip and why, for every timestamp, and never changes."""
    form = Subscription("front-door", "person", 1e-300, active=False).short_form()
    assert form is not None
    assert (form.early, form.due) == (Decision.SKIP_INACTIVE,) * 2


@pytest.mark.parametrize("last_ns", [0, 2**64 - 1])
@pytest.mark.parametrize("cap", [None, 5, 10**10])
def test_the_numbers_of_a_short_form_fit_64_bits(cap: float | None, last_ns: int) -> None:
    """Also after a frame at either end of time."""
    subscription = Subscription("front-door", "person", cap)
    subscription.judge(0, last_ns)
    form = subscription.short_form()
    assert form is not None
    assert all(0 <= number < 2**64 for number in form if number is not None)


@quick
@given(frames, st.sampled_from([None, 0.5, 5, 25, 1000]))
def test_every_frame_is_counted_once(stream: list[tuple[int, int]], cap: float | None) -> None:
    """Each judged frame counts as allowed or as skipped, and the last decision is the one on show."""
    subscription = Subscription("front-door", "person", cap)
    decisions = judged(subscription, stream)
    assert subscription.allowed == decisions.count(Decision.ALLOW)
    assert subscription.allowed + subscription.skipped == len(stream)
    assert subscription.last_decision is (decisions[-1] if decisions else Decision.NONE)


@pytest.mark.parametrize("reason", [Decision.SKIP_STOPPED, Decision.SKIP_FAULT])
def test_a_frame_skipped_without_the_gate_is_only_counted(reason: Decision) -> None:
    """A frame that the gate was not asked about is counted with its reason; id and anchor stay."""
    subscription = Subscription("front-door", "person", 5)
    subscription.judge(3, SECOND)
    subscription.skip(reason)
    assert (subscription.allowed, subscription.skipped, subscription.last_decision) == (1, 1, reason)
    assert gate_memory(subscription) == (3, SECOND)


def test_ids_start_anew_with_an_export() -> None:
    """In a new export ids that were dispatched before are new again."""
    subscription = Subscription("front-door", "person", 5)
    subscription.judge(1000, SECOND)
    subscription.start_export()
    assert subscription.judge(0, 2 * SECOND) is Decision.ALLOW


def test_the_cap_holds_across_exports() -> None:
    """The anchor outlives an export: VAS restarted gives no frame inside the interval."""
    subscription = Subscription("front-door", "person", 5)
    subscription.judge(1000, SECOND)
    subscription.start_export()
    assert subscription.judge(0, SECOND + 199 * MS) is Decision.SKIP_INTERVAL
    assert subscription.judge(1, SECOND + 200 * MS) is Decision.ALLOW


def test_an_export_whose_clock_starts_anew_costs_one_interval() -> None:
    """A new export with earlier timestamps is a clock step: one interval is lost and no more."""
    subscription = Subscription("front-door", "person", 5)
    subscription.judge(1000, 3600 * SECOND)
    subscription.start_export()
    decisions = judged(subscription, [(number, 40 * MS * number) for number in range(11)])
    assert [number for number, decision in enumerate(decisions) if decision is Decision.ALLOW] == [5, 10]


def test_a_new_export_resets_no_counter() -> None:
    """Counters and the last decision go on over exports."""
    subscription = Subscription("front-door", "person", 5)
    judged(subscription, [(0, 0), (1, 40 * MS)])
    subscription.start_export()
    counters = (subscription.allowed, subscription.skipped, subscription.last_decision)
    assert counters == (1, 1, Decision.SKIP_INTERVAL)


def test_a_subscription_has_no_room_for_a_frame() -> None:
    """A subscription keeps numbers and names only, and nothing can be hung onto it."""
    subscription = Subscription("front-door", "person", 5)
    subscription.judge(0, 0)
    assert all(
        isinstance(getattr(subscription, name), str | int | float | None) for name in Subscription.__slots__
    )
    with pytest.raises(AttributeError):
        subscription.frame = b""  # type: ignore[attr-defined]


def test_a_subscription_says_who_it_is_and_what_it_did() -> None:
    """The representation names camera, model, cap, counters and the last decision."""
    subscription = Subscription("front-door", "person", 2.5)
    judged(subscription, [(0, 0), (1, 40 * MS)])
    assert repr(subscription) == (
        "Subscription('front-door', 'person', max_fps=2.5, active=True, allowed=1, skipped=1, "
        "last_decision=SKIP_INTERVAL)"
    )
