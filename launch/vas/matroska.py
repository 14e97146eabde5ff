"""What the header of a Matroska stream says about how its pixels are meant. Pure.

Of all that FFmpeg can write this is the only container that names range and matrix; the raw output's own,
NUT, does not. So one frame of 16x16 pixels, cut from the first and made as the raw output is, describes
the others (docs/decisions/0017-raw-output.md). The bytes are FFmpeg's, and still nothing in them is
believed: what is not as expected says nothing.

    EBML header
    Segment
      Tracks
        TrackEntry
          Video
            Colour
              MatrixCoefficients, Range     numbers as in ITU-T H.273, and 1 limited, 2 full
      Cluster                               the frame
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ruth.export.picture import Picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ruth.export.picture import MatrixName, RangeName

BYTES_MAX: Final = 1 << 16
"""A header that is longer says nothing."""

_EBML, _SEGMENT, _TRACKS, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1654AE6B, 0x1F43B675
_ENTRY, _VIDEO, _COLOUR = 0xAE, 0xE0, 0x55B0
_MATRIX, _RANGE = 0x55B1, 0x55B9
_UNKNOWN: Final = -1  # a size: up to the end

_RANGES: Final[dict[int, RangeName]] = {1: "limited", 2: "full"}
_MATRICES: Final[dict[int, MatrixName]] = {1: "bt709", 5: "bt601", 6: "bt601", 9: "bt2020"}

NOT_SAID: Final = Picture()


class _IncompleteError(Exception):
    """The bytes end before the element does."""


def read_picture(content: bytes) -> Picture | None:
    """What a stream says that begins with ``content``.

    Returns:
        :data:`NOT_SAID` for what is no such stream or says nothing; None if more bytes are needed.

    """
    try:
        for identifier, start, end in _elements(content, 0, None):
            if identifier == _SEGMENT:
                return _of_segment(content, start)
            if identifier != _EBML or end == _UNKNOWN:
                return NOT_SAID
    except _IncompleteError:
        return None if len(content) < BYTES_MAX else NOT_SAID
    return NOT_SAID


def may_have_picture(content: bytes) -> bool:
    """Whether a file that begins with ``content`` may hold a picture: what is more than Matroska's header."""
    if len(content) >= BYTES_MAX or not content.startswith(_EBML.to_bytes(4, "big")):
        return bool(content)
    return _CLUSTER.to_bytes(4, "big") in content


def _of_segment(content: bytes, start: int) -> Picture:
    for identifier, begin, end in _elements(content, start, None):
        if identifier == _CLUSTER or end == _UNKNOWN:
            return NOT_SAID
        if identifier == _TRACKS:
            if end > len(content):
                raise _IncompleteError
            return _of_tracks(content[begin:end])
    return NOT_SAID


def _of_tracks(content: bytes) -> Picture:
    try:
        for identifier in (_ENTRY, _VIDEO, _COLOUR):
            within = _elements(content, 0, len(content))
            content = next(content[start:end] for found, start, end in within if found == identifier)
        numbers = {
            identifier: int.from_bytes(content[start:end], "big")
            for identifier, start, end in _elements(content, 0, len(content))
        }
    except (StopIteration, _IncompleteError):
        return NOT_SAID
    return Picture(_RANGES.get(numbers.get(_RANGE, 0)), _MATRICES.get(numbers.get(_MATRIX, 0)))


def _elements(content: bytes, position: int, whole: int | None) -> Iterator[tuple[int, int, int]]:
    """Identifier, start and end of each element from ``position`` on; the end may lie beyond the bytes.

    Args:
        content: The bytes.
        position: Where the first begins.
        whole: Where the last ends; None if it is not known and more can follow.

    """
    while whole is None or position < whole:
        identifier, position = _variable(content, position, 4, marked=True)
        if identifier == _UNKNOWN:
            yield _UNKNOWN, position, _UNKNOWN
            return
        size, start = _variable(content, position, 8, marked=False)
        end = _UNKNOWN if size == _UNKNOWN else start + size
        yield identifier, start, end
        position = end if end != _UNKNOWN else len(content)


def _variable(content: bytes, position: int, most: int, *, marked: bool) -> tuple[int, int]:
    """A number whose first byte tells its length, and where it ends. With its length marker, or without."""
    if position >= len(content):
        raise _IncompleteError
    first = content[position]
    length = 9 - first.bit_length()
    if length > most:
        return _UNKNOWN, position
    end = position + length
    if end > len(content):
        raise _IncompleteError
    number = int.from_bytes(content[position:end], "big")
    if marked:
        return number, end
    number -= 1 << 7 * length
    return (_UNKNOWN if number == (1 << 7 * length) - 1 else number), end
