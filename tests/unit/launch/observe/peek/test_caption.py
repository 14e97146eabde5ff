from __future__ import annotations

import pytest

from harness.exports import RECORD
from launch.observe.peek.caption import describe
from ruth.export.picture import Picture, pack_picture

SECOND = 1_000_000_000
MONOTONIC, WALL_CLOCK = 5_000 * SECOND, 1_800_000_000 * SECOND


def age(version: int, timestamp_ns: int) -> str:
    """What is said of a frame's age."""
    record = RECORD._replace(version=version, timestamp_ns=timestamp_ns)
    return describe("a", record, MONOTONIC, WALL_CLOCK).rpartition(", ")[2]


def test_a_line() -> None:
    """It says whose frame it is, how large, which one and how old."""
    record = RECORD._replace(frame_id=7, timestamp_ns=MONOTONIC - 41 * SECOND)
    assert describe("front-door", record, MONOTONIC, WALL_CLOCK) == "front-door: 16x8, frame 7, 41s old"


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (Picture("limited"), "limited range, "),
        (Picture(None, "bt2020"), "BT.2020, "),
        (Picture("full", "bt709", damaged=True), "full range, BT.709, damaged, "),
    ],
)
def test_what_the_record_says_of_its_pixels(picture: Picture, said: str) -> None:
    """Range, matrix and damage are named if the record states them."""
    record = RECORD._replace(picture=pack_picture(picture), timestamp_ns=MONOTONIC)
    assert describe("a", record, MONOTONIC, WALL_CLOCK) == f"a: 16x8, {said}frame 5, 0.0s old"


@pytest.mark.parametrize(("version", "now"), [(1, WALL_CLOCK), (2, MONOTONIC)])
def test_the_clock_is_the_versions(version: int, now: int) -> None:
    """Version 1 has times of the wall clock, version 2 of CLOCK_MONOTONIC."""
    assert age(version, now - SECOND // 2) == "0.5s old"


@pytest.mark.parametrize("timestamp_ns", [MONOTONIC + 2 * SECOND, 2**63, 2**64 - 1])
def test_a_time_to_come(timestamp_ns: int) -> None:
    """A frame from the future has no age."""
    assert age(2, timestamp_ns) == "age unknown"


def test_a_clock_set_back_a_little() -> None:
    """A frame that is ahead by less than a second is new."""
    assert age(1, WALL_CLOCK + SECOND // 2) == "0.0s old"


def test_a_time_of_another_clock() -> None:
    """A frame of more than ten years ago has a timestamp of some other clock."""
    assert age(1, 7 * SECOND) == "age unknown"
