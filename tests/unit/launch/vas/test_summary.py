from __future__ import annotations

import dataclasses

from launch.vas.summary import CameraSummary, VasSummary

WELL = CameraSummary("front-door", "test", 640, 360, 250, 248, 2, "/r/front-door.mkv", None, None)
DEAD = CameraSummary("yard", "rtsp://h/x", None, None, 0, 0, 0, None, "exit 1", "Connection refused")


def test_line() -> None:
    """A camera's line tells its size, its frames, and where its recording is."""
    assert (
        str(WELL) == "front-door: 640x360, 250 read, 248 published, 2 not exported,"
        " recorded in /r/front-door.mkv"
    )


def test_line_of_a_dead_camera() -> None:
    """The line of a camera without a picture says so, and how it died."""
    assert str(DEAD) == "yard: no picture, 0 read, 0 published, 0 not exported, exit 1"


def test_failed() -> None:
    """A run has failed if a camera died by itself, whatever became of the others."""
    assert VasSummary((DEAD, WELL), stopped=False).failed
    assert VasSummary((DEAD,), stopped=True).failed
    assert not VasSummary((WELL,), stopped=False).failed


def test_json() -> None:
    """The JSON object has one object a camera, with every field of its summary."""
    cameras = VasSummary((WELL, DEAD), stopped=False).as_json()["cameras"]
    assert [set(camera) for camera in cameras] == [
        {field.name for field in dataclasses.fields(CameraSummary)}
    ] * 2
    assert (cameras[0]["camera_id"], cameras[1]["death"]) == ("front-door", "exit 1")
