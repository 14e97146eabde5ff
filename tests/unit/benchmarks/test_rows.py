"""What benchmarks make of their samples: rows of tables."""

from __future__ import annotations

from array import array
from dataclasses import replace

import pytest

from benchmarks import cameras, decode, notice, publish
from benchmarks.decode_runs import BARE, DRAINED, Measured, without_pace
from benchmarks.floor import Floor
from launch.vas.ffmpeg import FFmpeg
from launch.vas.input_arguments import file_input
from launch.vas.output_arguments import camera_arguments


def test_publishing() -> None:
    """Times are microseconds, the ratio is to the floor, CPU is by frame, and frames seen by reader."""
    floor = publish.Measured([array("q", [100_000]), array("q", [100_000])], cpu_ns=200_000)
    own = publish.Measured([array("q", [110_000, 130_000]), array("q", [120_000, 120_000])], 480_000, seen=6)
    row, ratio = publish.row_of("Ruth", {publish.FLOOR: floor, "Ruth": own}, readers=2)
    assert ratio == pytest.approx(1.2)
    assert row == pytest.approx((120.0, 130.0, 1.2, 120.0, 75.0))


def test_publishing_to_nobody() -> None:
    """Without a reader no process sees anything, which is not the same as nothing."""
    floor = publish.Measured([array("q", [100_000])], cpu_ns=100_000)
    row, _ = publish.row_of(publish.FLOOR, {publish.FLOOR: floor}, readers=0)
    assert row[-1] is None


def test_noticing() -> None:
    """Latencies are microseconds, the ratio is to iceoryx2, CPU is of frames seen and of frames published."""
    peer = notice.Measured([array("q", [200_000])], published=1, seen=1, reader_cpu_ns=1, publisher_cpu_ns=1)
    own = notice.Measured(
        [array("q", [100_000, 100_000])], 4, 2, reader_cpu_ns=40_000, publisher_cpu_ns=40_000
    )
    rows = notice.rows_of({"Ruth": own, "iceoryx2": peer})
    assert rows[0] == ("Ruth", 100.0, 100.0, 100.0, 0.5, 50.0, 20.0, 10.0)


def test_noticing_without_the_peer() -> None:
    """A peer that is not installed leaves no ratio, and a reader that saw nothing no latency."""
    own = notice.Measured([array("q", [100_000])], 1, 1, 1, 1)
    blind = notice.Measured([array("q")], published=5)
    rows = notice.rows_of({"Ruth": own, "Queue": blind})
    assert rows[0][4] is None
    assert rows[1][:6] == ("Queue", None, None, None, None, 0.0)


def camera_row(number: int, launch_s: float) -> cameras.Measured:
    """A setting of so many cameras."""
    return cameras.Measured(
        number, cameras.OURS, 250, 0, 0, 100.0, 200.0, 300.0, 20.0, 0.1, 50.0, 1.0, launch_s, 0.5
    )


def test_one_camera_more() -> None:
    """What one camera more takes to launch is counted without what the first one takes."""
    _, processes = cameras.tables_of([camera_row(1, 0.2), camera_row(101, 0.3)])
    place = processes.headers.index("one more, ms")
    assert [row[place] for row in processes.rows] == [None, pytest.approx(1.0)]


def test_what_an_agent_takes_beyond_waiting() -> None:
    """An agent's CPU time a frame is put beside that of as many processes which only wait."""
    waiting = [Floor(101, "C", 25.0, 8.0)]
    rows = cameras.floor_table([camera_row(1, 0.2), camera_row(101, 0.3)], waiting).rows
    assert rows == ((101, "C", 25.0, 8.0, pytest.approx(20.0 / 8.0)),)


def test_decoding() -> None:
    """A recording that differs by a byte is counted, and frames per second are beside those without Ruth."""
    bare = Measured([[100.0], [100.0]], recordings=["a", "a"])
    other = Measured([[98.0], [99.0]], exported=250, recordings=["a", "b"])
    paced, flat_out = decode.tables_of(decode.WHOLE, {BARE: bare, "x": other}, {BARE: bare, DRAINED: other})
    assert paced.rows[1][2] == pytest.approx(0.985)
    assert [row[-1] for row in flat_out.rows] == ["2 of 2 identical", "1 of 2 identical"]


def test_flat_out_is_the_same_command_without_its_pace() -> None:
    """Nothing else is taken from the command line that a camera has."""
    played = file_input("/clip", 0)
    arguments = camera_arguments(FFmpeg("ffmpeg"), played, recording="/r", viewer=(1, 2), description=3)
    unpaced = replace(played, filters="", arguments=tuple(one for one in played.arguments if one != "-re"))
    left = camera_arguments(FFmpeg("ffmpeg"), unpaced, recording="/r", viewer=(1, 2), description=3)
    assert without_pace(arguments) == left
    assert "realtime" in " ".join(arguments)
    assert "realtime" not in " ".join(left)
