r"""NUT, the container that FFmpeg's raw output comes in: bytes in, values out, and no I/O.

It must not know pipes, exports or clocks, and it believes no number: each is bounded before anything is made
of it, checksums are checked, and what does not fit ends the stream (:class:`NutError`). One video stream of
version 3, which is what every FFmpeg writes::

    "nut/multimedia container\0"
    packet*   main header, stream header, info, syncpoint, index: start code, length, fields, checksum
    frame*    frame code, time, size, checksum; then the payload, which is not looked at

A frame begins with the frame code, one byte that stands for what most frames have in common; a packet begins
with ``N``, which is no frame code. Headers may come again, but not changed. What the fields mean: "NUT Open
Container Format" (nut.txt).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from launch.vas.nut_fields import (
    CHECKSUM_BYTES,
    INVALID,
    NUMBER_MAX,
    PACKET_BYTE,
    Fields,
    FrameCode,
    IncompleteError,
    NutError,
    has_valid_checksum,
    read_frame_codes,
)
from ruth.units import NANOSECONDS

IDENTIFIER: Final = b"nut/multimedia container\0"
VERSION: Final = 3
MAIN_CODE: Final = bytes.fromhex("4E4D7A561F5F04AD")
STREAM_CODE: Final = bytes.fromhex("4E5311405BF2F9DB")
SYNCPOINT_CODE: Final = bytes.fromhex("4E4BE4ADEECA4569")
_READ_PACKETS: Final = (MAIN_CODE, STREAM_CODE, SYNCPOINT_CODE)

# Flags of a frame.
END_OF_RELEVANCE, CODED_PTS, STREAM_ID, SIZE_MSB, CHECKSUM = 2, 8, 16, 32, 64
RESERVED, SIDE_DATA, PREFIX, MATCH_TIME, CODED = 128, 256, 1024, 2048, 4096

PACKET_BYTES_MAX: Final = 1 << 14  # of a packet that is read
SKIPPED_BYTES_MAX: Final = 1 << 20  # of one that is passed over
PAYLOAD_BYTES_MAX: Final = 1 << 31
_LONG_PACKET: Final = 4096  # above it the length has a checksum of its own
_PREFIX_BYTES_MAX: Final = 1024  # of all prefixes together
_PREFIXED_FRAME_MAX: Final = 4096  # no larger frame leaves its prefix out
_DISTANCE_MAX: Final = 65536
_HEADER_BYTES_MAX: Final = 128  # of a frame's header, and of a packet's start
_RATIONAL_MAX: Final = (1 << 31) - 1


class NutStream(NamedTuple):
    """What the stream says of itself, before its first frame.

    Attributes:
        fourcc: How the pixels are stored, e.g. ``b"NV12"``.
        width: Pixels a row, 1 to 2^31 - 1.
        height: Rows, 1 to 2^31 - 1.
        numerator: Of the time base, in seconds: 1 to 2^31 - 1.
        denominator: Likewise.

    """

    fourcc: bytes
    width: int
    height: int
    numerator: int
    denominator: int

    def nanoseconds(self, pts: int) -> int:
        """A presentation time in whole nanoseconds, rounded down; exact, however long the stream lasts."""
        return pts * self.numerator * NANOSECONDS // self.denominator


class NutFrame(NamedTuple):
    """The header of a frame; its payload comes next.

    Attributes:
        pts: Presentation time in time bases of the stream, 0 to 2^63 - 1.
        size: Bytes of its payload, 0 to 2^31.

    """

    pts: int
    size: int


class NutReader:
    """Reads one stream.

    Give it bytes (:meth:`receive`) and ask what they say (:meth:`next`) until it needs more. After a
    :class:`NutFrame` its payload comes first: :meth:`take` moves out what was received of it, and what is
    read without this object is told by :meth:`passed`.

    Attributes:
        payload_left: Bytes of the present frame's payload that were neither taken nor passed.

    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._identified = False
        self._skip = 0
        self._headers: dict[bytes, bytes] = {}
        self._main: _Main | None = None
        self._stream: NutStream | None = None
        self._pts_shift = self._pts_distance = 0
        self._last_pts: int | None = None
        self._prefix = b""  # of the present payload: left out of the stream
        self.payload_left = 0

    def receive(self, content: bytes | bytearray | memoryview) -> None:
        """The next bytes of the stream, without those told by :meth:`passed`."""
        self._buffer += content

    def next(self) -> NutStream | NutFrame | None:
        """The stream's header, once, then each frame's; None if more bytes are needed or payload is left.

        Raises:
            NutError: This is not the stream it should be.

        """
        if not self._identified:
            start = self._buffer[: len(IDENTIFIER)]
            if not IDENTIFIER.startswith(start):
                raise NutError("not NUT")
            if len(start) < len(IDENTIFIER):
                return None
            del self._buffer[: len(IDENTIFIER)]
            self._identified = True
        while not self.payload_left:
            skipped = min(self._skip, len(self._buffer))
            del self._buffer[:skipped]
            self._skip -= skipped
            if not self._buffer:
                return None
            fields = Fields(bytes(self._buffer[:_HEADER_BYTES_MAX]), more=True)
            try:
                event = self._packet(fields) if self._buffer[0] == PACKET_BYTE else self._frame(fields)
            except _MoreOfPacketError:
                return None
            except IncompleteError:
                if len(self._buffer) >= _HEADER_BYTES_MAX:
                    raise NutError(f"a header of more than {_HEADER_BYTES_MAX} bytes") from None
                return None
            if event is not None:
                return event
        return None

    def take(self, into: memoryview) -> int:
        """Moves payload that was received into ``into``, as much as there is and fits. Its count."""
        prefix = self._prefix[: min(len(into), self.payload_left)]
        self._prefix = self._prefix[len(prefix) :]
        rest = min(len(into), self.payload_left) - len(prefix)
        received = self._buffer[:rest]
        del self._buffer[:rest]
        count = len(prefix) + len(received)
        into[:count] = prefix + received
        self.payload_left -= count
        return count

    def passed(self, count: int) -> None:
        """So many bytes of the payload were read without this object, after all that it had was taken."""
        if self._buffer or self._prefix or not 0 <= count <= self.payload_left:
            raise ValueError(f"{count} bytes passed, {self.payload_left} left")
        self.payload_left -= count

    def _packet(self, fields: Fields) -> NutStream | None:
        code = fields.take(8)
        length = fields.number()
        most = PACKET_BYTES_MAX if code in _READ_PACKETS else SKIPPED_BYTES_MAX
        if not CHECKSUM_BYTES <= length <= most:
            raise NutError(f"a packet of {length} bytes, allowed {CHECKSUM_BYTES} to {most}")
        if length > _LONG_PACKET:
            fields.check()
        start, end = fields.position, fields.position + length
        if code not in _READ_PACKETS:
            del self._buffer[:start]
            self._skip = length
            return None
        content = bytes(self._buffer[start:end])
        if len(content) < length:
            raise _MoreOfPacketError
        del self._buffer[:end]
        if not has_valid_checksum(content):
            raise NutError("a packet with a wrong checksum")
        inner = Fields(content[:-CHECKSUM_BYTES])
        if code == SYNCPOINT_CODE:
            self._syncpoint(inner)
        elif (before := self._headers.setdefault(code, content)) is not content:
            if before != content:
                raise NutError("a header that comes again is not the same")
        elif code == MAIN_CODE:
            self._main = _read_main(inner)
        else:
            self._stream = self._read_stream(inner)
            return self._stream
        return None

    def _read_stream(self, fields: Fields) -> NutStream:
        if self._main is None:
            raise NutError("a stream's header before the main header")
        fields.bounded("the stream's number", 0, 0)
        fields.bounded("the stream's kind, which is video", 0, 0)
        fourcc = fields.take(fields.bounded("bytes of a codec's name", 1, 8))
        time_bases = self._main.time_bases
        time_base = time_bases[fields.bounded("the time base's number", 0, len(time_bases) - 1)]
        self._pts_shift = fields.bounded("the bits of a short time", 1, 15)
        self._pts_distance = fields.number()
        fields.number()  # decode delay
        fields.number()  # flags
        fields.take(fields.bounded("bytes of codec data", 0, PACKET_BYTES_MAX))
        width = fields.bounded("the width", 1, _RATIONAL_MAX)
        return NutStream(fourcc, width, fields.bounded("the height", 1, _RATIONAL_MAX), *time_base)

    def _syncpoint(self, fields: Fields) -> None:
        main, stream = self._main, self._stream
        if main is None or stream is None:
            raise NutError("a syncpoint before the stream's header")
        time, base = divmod(fields.number(), len(main.time_bases))
        numerator, denominator = main.time_bases[base]
        self._last_pts = time * numerator * stream.denominator // (denominator * stream.numerator)

    def _frame(self, fields: Fields) -> NutFrame | None:
        main, last = self._main, self._last_pts
        if main is None or last is None:
            raise NutError("a frame before the first syncpoint")
        code = main.codes[fields.byte()]
        flags = code.flags ^ fields.number() if code.flags & CODED else code.flags
        if flags & (INVALID | SIDE_DATA):
            raise NutError("a frame of a kind that is not known")
        if (fields.number() if flags & STREAM_ID else code.stream) != 0:
            raise NutError("a frame of another stream")
        pts = last + code.pts_delta
        if flags & CODED_PTS:
            pts = _whole_pts(fields.number(), last, self._pts_shift)
        size = code.size_lsb + (code.size_mul * fields.number() if flags & SIZE_MSB else 0)
        if flags & MATCH_TIME:
            fields.signed()
        prefix = fields.number() if flags & PREFIX else code.prefix
        reserved = fields.number() if flags & RESERVED else code.reserved
        for _ in range(min(reserved, _HEADER_BYTES_MAX)):
            fields.number()
        if flags & CHECKSUM:
            fields.check()
        elif size > 2 * main.max_distance or abs(pts - last) > self._pts_distance:
            raise NutError(f"a frame of {size} bytes at {pts} without a checksum")
        if size > PAYLOAD_BYTES_MAX or not 0 <= pts <= NUMBER_MAX:
            raise NutError(f"a frame of {size} bytes at {pts}")
        del self._buffer[: fields.position]
        self._last_pts = pts
        if flags & END_OF_RELEVANCE and size == 0:
            return None
        self._prefix = main.prefix_of(prefix, size)
        self.payload_left = size
        return NutFrame(pts, size)


class _MoreOfPacketError(IncompleteError):
    """A packet is not all there yet."""


class _Main(NamedTuple):
    """The main header."""

    max_distance: int
    time_bases: list[tuple[int, int]]
    codes: list[FrameCode]
    prefixes: list[bytes]

    def prefix_of(self, number: int, size: int) -> bytes:
        """What is left out at the beginning of a frame of ``size`` bytes."""
        if size > _PREFIXED_FRAME_MAX:
            return b""
        if number >= len(self.prefixes) or len(self.prefixes[number]) > size:
            raise NutError(f"a frame of {size} bytes with prefix {number}")
        return self.prefixes[number]


def _read_main(fields: Fields) -> _Main:
    fields.bounded("the version", VERSION, VERSION)
    fields.bounded("the count of streams", 1, 1)
    max_distance = min(fields.number(), _DISTANCE_MAX)
    time_bases = []
    for _ in range(fields.bounded("the count of time bases", 1, PACKET_BYTES_MAX)):
        numerator = fields.bounded("a time base", 1, _RATIONAL_MAX)
        time_bases.append((numerator, fields.bounded("a time base", 1, _RATIONAL_MAX)))
    codes = read_frame_codes(fields)
    prefixes = [b""]
    room = _PREFIX_BYTES_MAX
    for _ in range(fields.bounded("the count of prefixes", 0, 127) if fields.left else 0):
        prefixes.append(fields.take(fields.bounded("bytes of a prefix", 1, room)))
        room -= len(prefixes[-1])
    return _Main(max_distance, time_bases, codes, prefixes)


def _whole_pts(coded: int, last: int, shift: int) -> int:
    """A presentation time from its lowest ``shift`` bits, near ``last``; or the whole with an offset."""
    if coded >= 1 << shift:
        return coded - (1 << shift)
    mask = (1 << shift) - 1
    start = last - mask // 2
    return ((coded - start) & mask) + start
