from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruth.agent.agent import AgentState, StreamAgent
from ruth.errors import AgentStateError, InvalidIdError, RuthError, SubscriptionError
from ruth.subscription.gate import NO_FRAME, Decision
from ruth.subscription.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MS = 1_000_000
SECOND = 1000 * MS
UINT64_MAX = 2**64 - 1
CAMERA = "front-door"
CREATED, RUNNING, STOPPED = AgentState

quick = settings(derandomize=True, max_examples=80, deadline=None)
# Frames as an agent may be shown them: ids that repeat and fall, times that jump.
frame_ids = st.integers(0, 60) | st.sampled_from([2**63, UINT64_MAX - 1, UINT64_MAX])
timestamps = st.integers(0, 3 * SECOND) | st.sampled_from([0, 2**63, UINT64_MAX])
streams = st.lists(st.tuples(frame_ids, timestamps), max_size=50)
caps = st.lists(st.sampled_from([None, 0.5, 5, 10, 25, 1000]), min_size=1, max_size=4)


class FaultyId(int):
    """A frame id that raises ``faults[other]`` when it is compared with a frame id of those."""

    faults: Mapping[int, BaseException]

    def __lt__(self, frame_id: int) -> bool:
        self._fail(frame_id)
        return super().__lt__(frame_id)

    def __ge__(self, frame_id: int) -> bool:
        self._fail(frame_id)
        return super().__ge__(frame_id)

    def _fail(self, frame_id: int) -> None:
        if frame_id in self.faults:
            raise self.faults[frame_id]


class FaultySubscription(Subscription):
    """A subscription whose decision raises ``fault`` for some frames, before it has touched its counters."""

    def __init__(self, model_id: str, max_fps: float | None, faults: Mapping[int, BaseException]) -> None:
        self.faults = faults
        super().__init__(CAMERA, model_id, max_fps)

    @property  # type: ignore[override]
    def last_frame_id(self) -> FaultyId:
        """As the class above it has it, but nothing that the planted frames may be compared with."""
        return self._last_frame_id

    @last_frame_id.setter
    def last_frame_id(self, frame_id: int) -> None:
        self._last_frame_id = FaultyId(frame_id)
        self._last_frame_id.faults = self.faults


class Seen(NamedTuple):
    """All that can be seen of a subscription."""

    active: bool
    allowed: int
    skipped: int
    last_frame_id: int
    last_timestamp_ns: int | None
    last_decision: Decision


def seen(subscription: Subscription) -> Seen:
    """What a subscription shows now."""
    return Seen(*(getattr(subscription, field) for field in Seen._fields))


def agent_with(*subscriptions: Subscription, state: AgentState = RUNNING) -> StreamAgent:
    """An agent with these subscriptions, in this state."""
    agent = StreamAgent(CAMERA)
    for subscription in subscriptions:
        agent.subscribe(subscription)
    if state is not CREATED:
        agent.start()
    if state is STOPPED:
        agent.stop()
    return agent


def everything(agent: StreamAgent) -> tuple[object, ...]:
    """All that can be seen of an agent."""
    own = tuple(getattr(agent, name) for name in StreamAgent.__slots__)
    return (*own, *(seen(subscription) for subscription in agent.subscriptions))


def decided(agent: StreamAgent, stream: Iterable[tuple[int, int]], *model_ids: str) -> list[tuple[Seen, ...]]:
    """What these models' subscriptions show after each frame of a stream."""
    shown = []
    for frame_id, timestamp in stream:
        agent.observe(frame_id, timestamp)
        shown.append(tuple(seen(kept) for kept in agent.subscriptions if kept.model_id in model_ids))
    return shown


def test_an_agent_is_its_camera() -> None:
    """stream_agent_id is the camera's id, always."""
    agent = StreamAgent(CAMERA)
    assert agent.stream_agent_id == agent.camera_id == CAMERA


@pytest.mark.parametrize("camera_id", ["", "..", "/etc", "a/b", "a\n", "x" * 300])
def test_an_agent_has_a_camera_id(camera_id: str) -> None:
    """An agent of what is not a valid camera id cannot be made."""
    with pytest.raises(InvalidIdError):
        StreamAgent(camera_id)


def test_a_new_agent_is_created_and_empty() -> None:
    """A new agent is CREATED, without subscriptions, and has seen nothing."""
    agent = StreamAgent(CAMERA)
    assert agent.state is CREATED
    assert agent.subscriptions == ()
    assert (agent.frames, agent.missed, agent.frame_id, agent.timestamp_ns) == (0, 0, NO_FRAME, 0)


CHANGES: dict[str, Callable[[StreamAgent], None]] = {
    "start": lambda agent: agent.start(),
    "stop": lambda agent: agent.stop(),
    "subscribe": lambda agent: agent.subscribe(Subscription(CAMERA, "new")),
    "unsubscribe": lambda agent: agent.unsubscribe("person"),
    "start_export": lambda agent: agent.start_export(),
}
# From each state, where each change leads; None is a refusal.
TRANSITIONS: dict[str, dict[AgentState, AgentState | None]] = {
    "start": {CREATED: RUNNING, RUNNING: None, STOPPED: None},
    "stop": {CREATED: None, RUNNING: STOPPED, STOPPED: None},
    "subscribe": {CREATED: CREATED, RUNNING: RUNNING, STOPPED: None},
    "unsubscribe": {CREATED: CREATED, RUNNING: RUNNING, STOPPED: STOPPED},
    "start_export": {CREATED: CREATED, RUNNING: RUNNING, STOPPED: STOPPED},
}


@pytest.mark.parametrize("before", AgentState, ids=lambda state: state.value)
@pytest.mark.parametrize("change", CHANGES)
def test_an_agent_goes_from_created_to_running_to_stopped(change: str, before: AgentState) -> None:
    """Each change leads from each state where the table says; what it refuses leaves everything as it was."""
    agent = agent_with(Subscription(CAMERA, "person", 5), state=before)
    agent.observe(3, SECOND)
    after = TRANSITIONS[change][before]
    if after is not None:
        CHANGES[change](agent)
        assert agent.state is after
        return
    unchanged = everything(agent)
    with pytest.raises(AgentStateError) as raised:
        CHANGES[change](agent)
    assert everything(agent) == unchanged
    assert (raised.value.camera_id, raised.value.state) == (CAMERA, before.value)


def test_there_is_no_way_back() -> None:
    """A stopped agent never runs again: no sequence of changes leads out of STOPPED."""
    assert {TRANSITIONS[change][STOPPED] for change in CHANGES} == {STOPPED, None}
    assert {TRANSITIONS[change][RUNNING] for change in CHANGES} == {RUNNING, STOPPED, None}


def test_subscriptions_keep_their_order() -> None:
    """Subscriptions stand in the order in which they came, and one that left leaves no gap."""
    agent = agent_with(*(Subscription(CAMERA, model_id) for model_id in "zab"))
    agent.unsubscribe("a")
    agent.subscribe(Subscription(CAMERA, "a"))
    assert [subscription.model_id for subscription in agent.subscriptions] == ["z", "b", "a"]


def test_a_subscription_is_found_by_its_model() -> None:
    """An agent gives a model's subscription, or None if the model has none."""
    person = Subscription(CAMERA, "person")
    agent = agent_with(person)
    assert agent.subscription("person") is person
    assert agent.subscription("plate") is None


@pytest.mark.parametrize(
    ("change", "camera_id", "model_id"),
    [
        (lambda agent: agent.subscribe(Subscription(CAMERA, "person")), CAMERA, "person"),
        (lambda agent: agent.subscribe(Subscription("yard", "plate")), "yard", "plate"),
        (lambda agent: agent.unsubscribe("plate"), CAMERA, "plate"),
    ],
    ids=["a model's second", "another camera's", "one that is not there"],
)
def test_a_refused_subscription_changes_nothing(
    change: Callable[[StreamAgent], None], camera_id: str, model_id: str
) -> None:
    """A model's second subscription, another camera's, or the end of none is refused and changes nothing."""
    agent = agent_with(Subscription(CAMERA, "person", 5))
    unchanged = everything(agent)
    with pytest.raises(SubscriptionError) as raised:
        change(agent)
    assert everything(agent) == unchanged
    assert (raised.value.camera_id, raised.value.model_id) == (camera_id, model_id)


def test_a_refusal_is_one_of_ruths_errors() -> None:
    """Both refusals are RuthErrors, told apart by type."""
    assert issubclass(AgentStateError, RuthError)
    assert not issubclass(AgentStateError, SubscriptionError)


def test_an_agent_remembers_the_newest_frame() -> None:
    """An observed frame is counted, and its id and timestamp are all that is kept of it."""
    agent = agent_with()
    assert agent.observe(7, SECOND)
    assert (agent.frame_id, agent.timestamp_ns, agent.frames) == (7, SECOND, 1)


@pytest.mark.parametrize("state", AgentState, ids=lambda state: state.value)
@pytest.mark.parametrize("frame_id", [7, 6, 0])
def test_a_frame_is_decided_once(frame_id: int, state: AgentState) -> None:
    """An id at or below one observed in the same export is not looked at: nothing changes at all."""
    agent = agent_with(Subscription(CAMERA, "person", 5), Subscription(CAMERA, "audit"), state=state)
    agent.observe(7, SECOND)
    unchanged = everything(agent)
    assert not agent.observe(frame_id, 9 * SECOND)
    assert everything(agent) == unchanged


def test_a_skipped_frame_is_not_looked_at_again() -> None:
    """A frame that was skipped has been decided: shown again later, it is not eligible either."""
    person = Subscription(CAMERA, "person", 5)
    agent = agent_with(person)
    agent.observe(0, 0)
    agent.observe(1, 40 * MS)
    assert not agent.observe(1, SECOND)
    assert person.allowed == 1


@quick
@given(streams)
def test_an_agent_looks_at_ids_that_grow(stream: list[tuple[int, int]]) -> None:
    """An agent looks at a frame exactly if its id is above all that it has looked at."""
    agent = agent_with(Subscription(CAMERA, "person", 5))
    newest = NO_FRAME
    for frame_id, timestamp in stream:
        assert agent.observe(frame_id, timestamp) == (frame_id > newest)
        newest = max(newest, frame_id)
        assert agent.frame_id == newest


@pytest.mark.parametrize(
    ("ids", "missed"),
    [
        ([0, 1, 2], 0),
        ([5, 6], 0),
        ([0, 2], 1),
        ([3, 4, 8, 9, 11], 4),
        ([0, 5, 5, 3, 6], 4),
        ([0, UINT64_MAX], UINT64_MAX - 1),
    ],
    ids=str,
)
def test_missed_counts_the_gaps_between_ids(ids: list[int], missed: int) -> None:
    """Frames missed are the gaps between the ids observed; what came before the first is not missed."""
    agent = agent_with()
    for frame_id in ids:
        agent.observe(frame_id, 0)
    assert agent.missed == missed


def test_frames_between_two_exports_are_not_missed() -> None:
    """From one export to the next no gap is counted, and what was counted stays."""
    agent = agent_with()
    for frame_id in (0, 2):
        agent.observe(frame_id, 0)
    agent.start_export()
    for frame_id in (40, 41, 45):
        agent.observe(frame_id, 0)
    assert (agent.missed, agent.frames) == (1 + 3, 5)


@pytest.mark.parametrize("state", [CREATED, STOPPED], ids=lambda state: state.value)
def test_an_agent_that_does_not_run_skips_everything(state: AgentState) -> None:
    """A created or stopped agent skips every frame for every subscription, and moves no gate's counters."""
    models = [Subscription(CAMERA, "person", 5), Subscription(CAMERA, "audit"), Subscription(CAMERA, "off")]
    models[2].active = False
    agent = agent_with(*models, state=state)
    for frame_id in range(3):
        assert agent.observe(frame_id, frame_id * SECOND)
    skipped = (0, 3, NO_FRAME, None, Decision.SKIP_STOPPED)
    assert [seen(model)[1:] for model in models] == [skipped] * 3


def test_a_stop_moves_no_books() -> None:
    """Stopping an agent leaves what its subscriptions have decided as it was."""
    person = Subscription(CAMERA, "person", 5)
    agent = agent_with(person)
    agent.observe(0, SECOND)
    before = seen(person)
    agent.stop()
    assert seen(person) == before


@quick
@given(streams, caps)
def test_each_subscription_is_judged_alone(stream: list[tuple[int, int]], cap: list[float | None]) -> None:
    """Each subscription decides exactly as if it were its agent's only one."""
    together = agent_with(*(Subscription(CAMERA, f"m{index}", one) for index, one in enumerate(cap)))
    shown = decided(together, stream, *(f"m{index}" for index in range(len(cap))))
    for index, one in enumerate(cap):
        alone = decided(agent_with(Subscription(CAMERA, f"m{index}", one)), stream, f"m{index}")
        assert [models[index] for models in shown] == [only for (only,) in alone]


def test_a_frame_allowed_for_one_may_be_skipped_for_another() -> None:
    """One frame has one decision for each subscription, by that subscription's own cap and counters."""
    agent = agent_with(Subscription(CAMERA, "audit"), Subscription(CAMERA, "person", 5))
    agent.observe(0, 0)
    agent.observe(1, 40 * MS)
    decisions = [subscription.last_decision for subscription in agent.subscriptions]
    assert decisions == [Decision.ALLOW, Decision.SKIP_INTERVAL]


def test_a_late_subscription_starts_with_the_next_frame() -> None:
    """A model that subscribes while frames flow gets the next frame, and none that was decided before it."""
    agent = agent_with(Subscription(CAMERA, "audit"))
    agent.observe(7, 0)
    late = Subscription(CAMERA, "person", 5)
    agent.subscribe(late)
    assert not agent.observe(7, 0)
    agent.observe(8, 40 * MS)
    assert (late.allowed, late.last_frame_id) == (1, 8)


FAULTS = [
    RuntimeError("planted"),
    ZeroDivisionError(),
    MemoryError(),
    RecursionError(),
    OSError(5, "planted"),
]


@quick
@given(
    streams,
    caps,
    st.integers(0, 3),
    st.dictionaries(frame_ids, st.sampled_from(FAULTS), min_size=1, max_size=40),
)
def test_a_subscription_fails_alone(
    stream: list[tuple[int, int]], cap: list[float | None], place: int, faults: dict[int, Exception]
) -> None:
    """Whatever one subscription's decision raises, wherever it comes, the others decide as without it."""
    names = [f"m{index}" for index in range(len(cap))]
    sound = [Subscription(CAMERA, name, one) for name, one in zip(names, cap, strict=True)]
    expected = decided(agent_with(*sound), stream, *names)
    beside: list[Subscription] = [
        Subscription(CAMERA, name, one) for name, one in zip(names, cap, strict=True)
    ]
    beside.insert(place, FaultySubscription("faulty", 5, faults))
    assert decided(agent_with(*beside), stream, *names) == expected


@quick
@given(streams, st.dictionaries(frame_ids, st.sampled_from(FAULTS), max_size=40))
def test_a_fault_skips_the_frame_it_hit(stream: list[tuple[int, int]], faults: dict[int, Exception]) -> None:
    """A frame whose decision raised is skipped as a fault and leaves the counters; the others are judged."""
    faulty = FaultySubscription("faulty", 5, faults)
    sound = Subscription(CAMERA, "sound", 5)
    agent = agent_with(faulty)
    expected = agent_with(sound)
    planted = 0
    for frame_id, timestamp in stream:
        looked_at = agent.observe(frame_id, timestamp)
        if looked_at and frame_id in faults:
            planted += 1
            assert faulty.last_decision is Decision.SKIP_FAULT
        elif looked_at:
            expected.observe(frame_id, timestamp)
            assert faulty.last_decision is sound.last_decision
    assert faulty.allowed == sound.allowed
    assert faulty.skipped == sound.skipped + planted
    assert faulty.last_timestamp_ns == sound.last_timestamp_ns


def test_a_fault_is_not_the_agents() -> None:
    """An agent whose every subscription fails still runs, observes and raises nothing."""
    faults: dict[int, Exception] = {frame_id: RuntimeError("planted") for frame_id in range(10)}
    agent = agent_with(*(FaultySubscription(name, None, faults) for name in "abc"))
    assert all(agent.observe(frame_id, frame_id) for frame_id in range(10))
    assert (agent.state, agent.frames) == (RUNNING, 10)


def test_a_wish_to_end_the_process_is_no_fault() -> None:
    """What is not an error but a wish to end, like Ctrl-C, is not taken for a subscription's fault."""
    agent = agent_with(FaultySubscription("person", None, {0: KeyboardInterrupt()}))
    with pytest.raises(KeyboardInterrupt):
        agent.observe(0, 0)


def test_the_planted_fault_is_the_only_difference() -> None:
    """The faulty subscription of these tests, with no fault planted, is a subscription like any other."""
    stream = [(number, 40 * MS * number) for number in range(20)]
    faulty, sound = FaultySubscription("m", 5, {}), Subscription(CAMERA, "m", 5)
    assert decided(agent_with(faulty), stream, "m") == decided(agent_with(sound), stream, "m")


def test_ids_start_anew_with_an_export() -> None:
    """In a new export ids observed before are new again, and everything that was counted stays."""
    person = Subscription(CAMERA, "person", 5)
    agent = agent_with(person)
    for number in range(6):
        agent.observe(1000 + number, 40 * MS * number)
    agent.start_export()
    assert (agent.frame_id, agent.frames, person.allowed, person.skipped) == (NO_FRAME, 6, 2, 4)
    assert agent.observe(0, SECOND)
    assert person.last_decision is Decision.ALLOW


def test_the_cap_holds_across_a_restart_of_vas() -> None:
    """An export made again brings no burst: the old one's last eligible frame still counts."""
    person = Subscription(CAMERA, "person", 5)
    agent = agent_with(person)
    agent.observe(1000, SECOND)
    agent.start_export()
    decisions = []
    for number in range(6):
        agent.observe(number, SECOND + 40 * MS * (number + 1))
        decisions.append(person.last_decision)
    assert decisions == [Decision.SKIP_INTERVAL] * 4 + [Decision.ALLOW, Decision.SKIP_INTERVAL]


@quick
@given(st.lists(st.integers(1, 400 * MS), max_size=60), st.sets(st.integers(0, 60)))
def test_no_number_of_restarts_lifts_the_cap(steps: list[int], restarts: set[int]) -> None:
    """However often an export is made again, eligible frames stay an interval apart in frame time."""
    person = Subscription(CAMERA, "person", 5)
    agent = agent_with(person)
    frame_id = timestamp = 0
    eligible = []
    for position, step in enumerate(steps):
        if position in restarts:
            agent.start_export()
            frame_id = 0
        agent.observe(frame_id, timestamp)
        if person.last_decision is Decision.ALLOW:
            eligible.append(timestamp)
        frame_id, timestamp = frame_id + 1, timestamp + step
    assert all(later - earlier >= 200 * MS for earlier, later in pairwise(eligible))


@quick
@given(streams, caps, st.sampled_from(AgentState))
def test_an_agent_never_raises_for_frames(
    stream: list[tuple[int, int]], cap: list[float | None], state: AgentState
) -> None:
    """Whatever ids and times come, in any state, nothing raises, and a frame counts once for each model."""
    models = [Subscription(CAMERA, f"m{index}", one) for index, one in enumerate(cap)]
    agent = agent_with(*models, state=state)
    for frame_id, timestamp in stream:
        agent.observe(frame_id, timestamp)
    assert {model.allowed + model.skipped for model in models} == {agent.frames}


def test_an_agent_has_no_room_for_a_frame() -> None:
    """An agent keeps numbers, names and subscriptions only, and nothing can be hung onto it."""
    agent = agent_with(Subscription(CAMERA, "person"))
    agent.observe(0, 0)
    kinds = (str, int, AgentState, tuple)
    assert all(isinstance(getattr(agent, name), kinds) for name in StreamAgent.__slots__)
    with pytest.raises(AttributeError):
        agent.frame = b""  # type: ignore[attr-defined]


def test_an_agent_says_who_it_is() -> None:
    """The representation names the camera, the state and the models."""
    agent = agent_with(Subscription(CAMERA, "person"), Subscription(CAMERA, "plate"))
    assert repr(agent) == "StreamAgent('front-door', running, models=[person, plate])"
