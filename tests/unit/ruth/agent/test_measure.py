from __future__ import annotations

import pytest

from ruth.agent.measure import Measure, left_open, refusal

ALL = ~Measure(0)
LACKS: dict[Measure, tuple[str, ...]] = {
    Measure.NO_NEW_PRIVS: (),
    Measure.NO_CORE_DUMPS: ("leave core dumps",),
    Measure.MEMORY_LIMIT: ("take memory without a limit",),
    Measure.NICE: ("compete with decoding",),
    Measure.OOM_SCORE_ADJ: ("outlast the video server",),
    Measure.LANDLOCK_FILES: (),
    Measure.LANDLOCK_TCP: (),
    Measure.LANDLOCK_SIGNALS: ("signal processes of its user",),
    Measure.LANDLOCK_ABSTRACT_SOCKETS: (),
    Measure.SECCOMP: ("use sockets other than TCP", "start processes"),
    Measure.PINNED_PATHS: ("read what its user may of the file system that exports lie on",),
}


def test_with_all_measures_nothing_is_open() -> None:
    """Where every measure is in force there is nothing to name."""
    assert left_open(ALL) == ()


def test_every_measure_has_its_line_here() -> None:
    """No measure is left out of these tests."""
    assert set(LACKS) == set(Measure)


@pytest.mark.parametrize("measure", LACKS)
def test_what_one_measure_alone_closes_is_named(measure: Measure) -> None:
    """Without one measure exactly that is named which no other measure closes as well."""
    found = left_open(ALL & ~measure)
    assert len(found) == len(LACKS[measure])
    for text, beginning in zip(found, LACKS[measure], strict=True):
        assert text.startswith(beginning)


def test_what_two_measures_close_is_open_without_both() -> None:
    """Files can be written only where neither Landlock nor the filter is there; sockets likewise."""
    neither = ALL & ~(Measure.LANDLOCK_FILES | Measure.SECCOMP | Measure.PINNED_PATHS | Measure.LANDLOCK_TCP)
    found = left_open(neither)
    assert "write what its user may" in found
    assert "use any socket" in found
    assert "read what its user may of the host" in found


def test_without_any_measure_all_of_it_is_open() -> None:
    """An agent that nothing confines could do everything that is named anywhere."""
    assert len(left_open(0)) == 9


def test_a_refusal_names_call_filter_and_fix() -> None:
    """What ``ruth up`` says of a filter has the call twice: as what is refused, and as what to allow."""
    said = refusal(["mseal"], ALL & ~Measure.PINNED_PATHS)
    assert said is not None
    assert said.startswith("agents run without what mseal would bring: a system call filter")
    assert "could read what its user may" in said
    assert said.endswith("Allow mseal there")
    assert refusal([], ALL) is None
