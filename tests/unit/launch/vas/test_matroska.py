from __future__ import annotations

import pytest

from launch.vas.matroska import BYTES_MAX, NOT_SAID, read_picture
from ruth.export.picture import Picture

EBML, SEGMENT, SEEK, INFO, TRACKS, CLUSTER = (
    "1A45DFA3",
    "18538067",
    "114D9B74",
    "1549A966",
    "1654AE6B",
    "1F43B675",
)
ENTRY, VIDEO, COLOUR, MATRIX, RANGE, WIDTH = "AE", "E0", "55B0", "55B1", "55B9", "B0"
UNKNOWN = b"\x01" + b"\xff" * 7


def element(identifier: str, content: bytes, size: bytes | None = None) -> bytes:
    """An element with a size of eight bytes, as FFmpeg writes them, unless another is given."""
    length = (1 << 56 | len(content)).to_bytes(8, "big") if size is None else size
    return bytes.fromhex(identifier) + length + content


def colour(matrix: int, pixel_range: int) -> bytes:
    """What a track says of its colours."""
    return element(COLOUR, element(MATRIX, bytes([matrix])) + element(RANGE, bytes([pixel_range])))


def stream(video: bytes, *, before: bytes = b"") -> bytes:
    """A stream of one track, up to its first cluster."""
    track = element(ENTRY, element("D7", b"\1") + element(VIDEO, element(WIDTH, b"\x10") + video))
    tracks = element(TRACKS, track)
    header = element(EBML, b"\x42\x86\x81\x01") + bytes.fromhex(SEGMENT) + UNKNOWN
    return (
        header
        + element(SEEK, bytes(20))
        + before
        + element(INFO, bytes(30))
        + tracks
        + element(CLUSTER, bytes(9))
    )


@pytest.mark.parametrize(
    ("matrix", "pixel_range", "expected"),
    [
        (1, 1, Picture("limited", "bt709")),
        (5, 1, Picture("limited", "bt601")),
        (6, 2, Picture("full", "bt601")),
        (9, 1, Picture("limited", "bt2020")),
        (2, 1, Picture("limited", None)),
        (0, 0, NOT_SAID),
        (200, 200, NOT_SAID),
    ],
)
def test_matrix_and_range(matrix: int, pixel_range: int, expected: Picture) -> None:
    """Matrix and range are read by their numbers; one that is not known says nothing."""
    assert read_picture(stream(colour(matrix, pixel_range))) == expected


def test_cut_off_anywhere() -> None:
    """As long as the tracks are not there whole, more is needed; then the answer never changes."""
    whole = stream(colour(1, 1))
    complete = whole.index(bytes.fromhex(CLUSTER))
    for end in range(len(whole)):
        expected = None if end < complete else Picture("limited", "bt709")
        assert read_picture(whole[:end]) == expected


def test_words_are_passed_over() -> None:
    """What is before the tracks is passed over by its length, whatever is in it."""
    words = element("1254C367", stream(colour(9, 2)))
    assert read_picture(stream(colour(1, 1), before=words)) == Picture("limited", "bt709")


@pytest.mark.parametrize(
    "content",
    [
        b"RIFF....AVI ",
        bytes(100),
        b"\xff" * 100,
        stream(b""),
        stream(colour(1, 1)).replace(bytes.fromhex(COLOUR), b"\x55\xb2"),
        element(EBML, b"") + element(SEGMENT, element(CLUSTER, b"")),
        element(EBML, b"") + element(SEGMENT, element(TRACKS, b"", UNKNOWN)),
        element(EBML, b"") + element(SEGMENT, element(TRACKS, element(ENTRY, b"\xe0\x10\xff"))),
        element(EBML, b"") + element(SEGMENT, bytes(BYTES_MAX)),
        element(EBML, b"") + element(SEGMENT, element(INFO, bytes(BYTES_MAX))),
    ],
)
def test_what_says_nothing(content: bytes) -> None:
    """Anything else says nothing: no description is waited for that will not come."""
    assert read_picture(content) == NOT_SAID
