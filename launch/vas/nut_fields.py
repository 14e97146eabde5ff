"""The fields that NUT is made of: numbers of variable length, signed ones, strings, checksums.

No number is used before it was bounded, and no field reaches beyond the bytes it is read from.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from zlib import crc32

from ruth.errors import RuthError

NUMBER_MAX: Final = (1 << 63) - 1
CHECKSUM_BYTES: Final = 4

FRAME_CODES: Final = 256
PACKET_BYTE: Final = ord("N")  # begins a packet, and is not a frame code
INVALID: Final = 8192  # flag of a frame code that stands for nothing

# zlib's CRC-32 takes the bits of a byte from the other end than NUT's.
_REVERSED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_CRC_BEGIN: Final = 0xFFFFFFFF
_CRC_OF_CHECKED: Final = 0xFFFFFFFF  # of any bytes with their checksum behind them


class NutError(RuthError):
    """The bytes are not the stream they should be; nothing after them can be read."""


class IncompleteError(Exception):
    """The bytes end before the field does, and more may come."""


class Fields:
    """Reads fields one after the other.

    Args:
        content: The bytes.
        more: More bytes can follow: a field beyond the end is :class:`IncompleteError`. Else it is
            :class:`NutError`.

    Attributes:
        position: Bytes read so far.

    """

    __slots__ = ("_content", "_more", "position")

    def __init__(self, content: bytes, *, more: bool = False) -> None:
        self._content = content
        self._more = more
        self.position = 0

    @property
    def left(self) -> int:
        """Bytes that follow."""
        return len(self._content) - self.position

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes, 0 or more."""
        end = self.position + count
        if end > len(self._content):
            raise IncompleteError if self._more else NutError("a header ends before its last field")
        taken = self._content[self.position : end]
        self.position = end
        return taken

    def byte(self) -> int:
        """One byte, 0 to 255."""
        return self.take(1)[0]

    def number(self) -> int:
        """A number of variable length, seven bits a byte, 0 to 2^63 - 1."""
        value = 0
        while (byte := self.byte()) & 0x80:
            value = value << 7 | byte & 0x7F
            if value > NUMBER_MAX:
                break
        value = value << 7 | byte & 0x7F
        if value > NUMBER_MAX:
            raise NutError("a number of more than 63 bits")
        return value

    def bounded(self, name: str, least: int, most: int) -> int:
        """A number that must lie within bounds, both included."""
        value = self.number()
        if not least <= value <= most:
            raise NutError(f"{name}: {value}, allowed {least} to {most}")
        return value

    def signed(self) -> int:
        """A number that can be negative."""
        value = self.number() + 1
        return -(value >> 1) if value & 1 else value >> 1

    def check(self) -> None:
        """Reads a checksum of all bytes before it, and compares.

        Raises:
            NutError: They are not those that were written.

        """
        self.take(CHECKSUM_BYTES)
        if not has_valid_checksum(self._content[: self.position]):
            raise NutError("a wrong checksum")


def has_valid_checksum(content: bytes) -> bool:
    """Whether the last four bytes are the checksum of those before."""
    return crc32(content.translate(_REVERSED), _CRC_BEGIN) == _CRC_OF_CHECKED


class FrameCode(NamedTuple):
    """What one frame code stands for: the fields of a frame's header that it leaves out."""

    flags: int
    stream: int = 0
    size_mul: int = 1
    size_lsb: int = 0
    pts_delta: int = 0
    reserved: int = 0
    prefix: int = 0


# Fields of a run of frame codes.
_SIGNED_FIELDS: Final = (0, 6)  # a time, and a time to match
_COUNT_FIELD: Final = 5


def read_frame_codes(fields: Fields) -> list[FrameCode]:
    """The table of all 256 frame codes, as the main header has it: in runs of codes that are alike.

    A run has as many fields as it needs: what it leaves out of time, size factor, stream and prefix is as in
    the run before, and the rest is 0.

    Raises:
        NutError: The table does not have 256 entries.

    """
    codes: list[FrameCode] = []
    kept = [0, 1, 0, 0, 0, 0, 0, 0]  # time, size factor, stream, size, reserved, count, time to match, prefix
    while len(codes) < FRAME_CODES:
        if len(codes) == PACKET_BYTE:
            codes.append(FrameCode(INVALID))
        flags = fields.number()
        said = [
            fields.signed() if place in _SIGNED_FIELDS else fields.number()
            for place in range(fields.bounded("the fields of a frame code", 0, 64))
        ]
        pts_delta, size_mul, stream, _, _, _, _, prefix = kept = (said + kept[len(said) :])[: len(kept)]
        _, _, _, size_lsb, reserved, count, _, _ = (said + [0] * len(kept))[: len(kept)]
        if len(said) <= _COUNT_FIELD:
            count = size_mul - size_lsb
        room = FRAME_CODES - len(codes) - (len(codes) < PACKET_BYTE)
        if not 1 <= count <= room:
            raise NutError(f"a run of {count} frame codes, allowed 1 to {room}")
        for size in range(size_lsb, size_lsb + count):
            if len(codes) == PACKET_BYTE:
                codes.append(FrameCode(INVALID))
            codes.append(FrameCode(flags, stream, size_mul, size, pts_delta, reserved, prefix))
    return codes
