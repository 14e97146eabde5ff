from __future__ import annotations

import pytest

from launch.vas.source import Kind
from launch.vas.time_limits import Due, TimeLimits


def history(limits: TimeLimits, seconds: int) -> list[tuple[int, Due]]:
    """What is due in each of so many seconds, where anything is."""
    dues = ((second, limits.due(second)) for second in range(1, seconds))
    return [(second, due) for second, due in dues if due is not Due.NOTHING]


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [(Kind.RTSP, 30), (Kind.V4L2, 30), (Kind.RTSP_LISTEN, 40), (Kind.FILE, 60), (Kind.TEST, 60)],
)
def test_first_picture(kind: Kind, seconds: int) -> None:
    """The first picture has to come within a time that depends on who sets the pace."""
    assert history(TimeLimits(0, kind), 100)[0] == (seconds, Due.TELL)


def test_silence() -> None:
    """Once a picture has come from a live source, the next has to within 20 s."""
    limits = TimeLimits(0, Kind.RTSP)
    assert limits.first
    limits.picture(29)
    assert not limits.first
    assert limits.due(48.9) is Due.NOTHING
    assert limits.due(49) is Due.TELL
    assert limits.silent(49) == 20


@pytest.mark.parametrize("kind", [Kind.FILE, Kind.TEST])
def test_files_have_a_pace_of_their_own(kind: Kind) -> None:
    """Once a picture has come of a file, there is no limit to the next."""
    limits = TimeLimits(0, kind)
    limits.picture(1)
    assert history(limits, 100_000) == []


def test_preparation_has_no_limit() -> None:
    """An FFmpeg that shows nothing may take its time."""
    assert history(TimeLimits(0, None), 100_000) == []


def test_end_of_a_silent_camera() -> None:
    """FFmpeg that is asked to end while its camera is silent is asked again after 1 s, and killed after 5."""
    limits = TimeLimits(0, Kind.RTSP)
    limits.picture(1)
    limits.end(10)
    assert limits.next_at(10) == 11
    assert [limits.due(at) for at in (10.9, 11, 11, 14.9, 15, 15)] == [
        Due.NOTHING,
        Due.ASK_AGAIN,
        Due.NOTHING,
        Due.NOTHING,
        Due.KILL,
        Due.NOTHING,
    ]


def test_end_of_a_busy_camera() -> None:
    """A second signal could cut a recording short, so one that gave pictures has 2 s to finish it."""
    limits = TimeLimits(0, Kind.RTSP)
    limits.picture(10)
    limits.end(10)
    assert history(limits, 100) == [(12, Due.ASK_AGAIN), (15, Due.KILL)]


def test_end_of_a_file() -> None:
    """FFmpeg that plays a file waits for no process: it is asked once, and killed after 5 s."""
    limits = TimeLimits(0, Kind.FILE)
    limits.end(10)
    assert history(limits, 100) == [(15, Due.KILL)]


def test_an_end_is_begun_once() -> None:
    """Asked to end twice, FFmpeg has the time of the first asking; and nothing more is told."""
    limits = TimeLimits(0, Kind.FILE)
    limits.end(10)
    limits.end(14)
    assert history(limits, 100) == [(15, Due.KILL)]
