from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruth.agent.agent import StreamAgent
from ruth.agent.last_allowed import (
    LastAllowed,
    find_model,
    last_allowed,
    padded_id,
    size_up_to,
)
from ruth.agent.state import KEPT, KEPT_FRAMES, KEPT_SIZE, STATE_SIZE, STATE_VERSION, parse_state
from ruth.agent.state_writer import AgentIdentity, StateWriter
from ruth.subscription.subscription import Subscription

MODELS = ("person", "plate", "p")
IDENTITY = AgentIdentity(pid=11, start_ticks=22, started_ns=33, launcher_pid=44)


def observed(caps: tuple[float | None, ...], steps: list[tuple[int, int] | None]) -> bytes:
    """A record after these frames (id, timestamp in ms); None in their place is a new export."""
    agent = StreamAgent("front-door")
    for model_id, cap in zip(MODELS, caps, strict=False):
        agent.subscribe(Subscription("front-door", model_id, cap))
    memory = memoryview(bytearray(STATE_SIZE))
    writer = StateWriter(agent).initialise(memory, IDENTITY)
    agent.start()
    session = 0
    for step in steps:
        if step is None:
            session += 1
            agent.start_export()
            writer.write_export(2, session, 1000 + session, 2000 + session)
        elif agent.observe(step[0], step[1] * 1_000_000):
            writer.write_frame(1)
    return bytes(memory)


def test_it_is_what_the_agent_wrote() -> None:
    """Each field is that of the record, for each subscription its own."""
    content = observed((5, None), [None, (7, 40), (8, 80)])
    agent = b"".join(number.to_bytes(8, "little") for number in (11, 22, 33))
    frames = [KEPT.pack(7, 40_000_000), KEPT.pack(8, 80_000_000)]
    for index, model_id in enumerate(("person", "plate")):
        kept = b"".join(frames[: index + 1]).ljust(KEPT_FRAMES * KEPT_SIZE, b"\0")
        assert last_allowed(content, index, padded_id(model_id)) == LastAllowed(
            agent, index + 1, 0, kept, 2, 1001, 2001, in_export=True
        )


def test_a_frame_of_an_earlier_export_is_told_apart() -> None:
    """After a new export has begun, the last allowed frame is not in it until another one is allowed."""
    content = observed((5,), [None, (7, 40), None, (0, 80)])
    found = last_allowed(content, 0, padded_id("person"))
    assert found is not None
    assert (found.frame(1), found.export_inode, found.in_export) == (None, 1002, False)
    content = observed((5,), [None, (7, 40), None, (0, 80), (5, 280)])
    found = last_allowed(content, 0, padded_id("person"))
    assert found is not None
    assert [found.frame(number) for number in (1, 2)] == [None, (5, 280_000_000)]
    assert (found.allowed, found.in_export) == (2, True)


@given(
    caps=st.tuples(*[st.sampled_from([None, 2.5, 5.0, 25.0])] * 3),
    steps=st.lists(st.one_of(st.none(), st.tuples(st.integers(0, 50), st.integers(0, 2000))), max_size=30),
)
@settings(max_examples=200)
def test_it_agrees_with_the_whole_record(
    caps: tuple[float | None, ...], steps: list[tuple[int, int] | None]
) -> None:
    """For any record, what is taken out of it is what the whole of it says."""
    content = observed(caps, steps)
    record = parse_state(content)
    assert record is not None
    for index, model in enumerate(record.models):
        found = last_allowed(content[: size_up_to(index)], index, padded_id(model.model_id))
        assert found is not None
        assert found.allowed == model.allowed
        assert found.life == b"".join(number.to_bytes(8, "little") for number in record[1:4])
        assert found.started_ns == record.started_ns
        assert (found.export_version, found.export_inode, found.export_epoch) == (
            record.export_version,
            record.export_inode,
            record.export_epoch,
        )
        assert found.first_kept == max(1, model.allowed - KEPT_FRAMES + 1)
        if model.allowed:
            assert found.in_export == (record.export_version != 0 and model.last_session == record.session)
            last = (model.last_frame_id, model.last_timestamp_ns) if found.in_export else None
            assert found.frame(model.allowed) == last


@pytest.mark.parametrize("model_id", MODELS)
def test_a_model_is_found_by_its_whole_id(model_id: str) -> None:
    """The place of a model is found by its id, and an id that only begins alike is another one."""
    content = observed((5, None, None), [])
    assert find_model(content, padded_id(model_id)) == MODELS.index(model_id)
    assert find_model(content, padded_id(f"{model_id}x")) is None
    assert find_model(content, padded_id(model_id[:-1] or "q")) is None


def test_what_was_left_behind_the_last_model_is_none() -> None:
    """A model of an earlier agent that is left behind the last one is not taken for a subscription."""
    content = bytearray(observed((5, None, None), []))
    content[4:8] = (2).to_bytes(4, "little")
    assert find_model(bytes(content), padded_id("p")) is None
    assert last_allowed(bytes(content), 2, padded_id("p")) is None


@pytest.mark.parametrize(
    ("offset", "value"), [(0, 0), (0, 1), (8, 1), (4, 64)], ids=["none", "version", "odd", "models"]
)
def test_what_is_no_whole_record_is_refused(offset: int, value: int) -> None:
    """No record, another version, one under change, or too many models: nothing is taken out."""
    content = bytearray(observed((5,), [None, (7, 40)]))
    content[offset : offset + 4] = value.to_bytes(4, "little")
    found = find_model(bytes(content), padded_id("person"))
    assert found is None or last_allowed(bytes(content), found, padded_id("person")) is None


def test_another_model_at_that_place_is_refused() -> None:
    """Where another agent has put another model, its frames are not taken for ours."""
    content = observed((5, None), [None, (7, 40)])
    assert last_allowed(content, 1, padded_id("person")) is None
    assert last_allowed(content, 0, padded_id("plate")) is None
    assert last_allowed(content, 5, bytes(64)) is None


@pytest.mark.parametrize("size", [0, 1, 4, 9, 255, 256, 300, 639, 1023])
def test_a_short_record_is_refused(size: int) -> None:
    """A record cut short holds no subscription that does not lie in it whole."""
    content = observed((5, None), [None, (7, 40)])[:size]
    found = find_model(content, padded_id("plate"))
    assert found is None or last_allowed(content, found, padded_id("plate")) is None
    assert (last_allowed(content, 0, padded_id("person")) is None) == (size < 640)


def test_random_bytes_never_raise() -> None:
    """Whatever is in the file, it is a subscription or none."""
    generator = random.Random(8)
    for _ in range(2000):
        content = generator.randbytes(generator.randrange(1600))
        right = STATE_VERSION.to_bytes(4, "little") + generator.randrange(80).to_bytes(4, "little")
        for candidate in (content, right + content[8:]):
            find_model(candidate, padded_id("person"))
            last_allowed(candidate, generator.randrange(4), candidate[256:320])
