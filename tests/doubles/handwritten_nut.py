"""NUT written by hand, field by field: what FFmpeg writes, and what it never would."""

from __future__ import annotations

from typing import Final

from launch.vas.nut import IDENTIFIER, MAIN_CODE, STREAM_CODE, SYNCPOINT_CODE

INFO_CODE: Final = bytes.fromhex("4E49AB68B596BA78")
KEY, CODED_PTS, SIZE_MSB, CHECKSUM, PREFIX, CODED = 1, 8, 32, 64, 1024, 4096


def crc(content: bytes) -> bytes:
    """The checksum of NUT, bit by bit: polynomial 0x04C11DB7, highest bit first, from 0."""
    value = 0
    for byte in content:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
    return value.to_bytes(4, "big")


def number(value: int) -> bytes:
    """A number of variable length."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F | 0x80)
    return bytes(reversed(groups))


def numbers(*values: int) -> bytes:
    """Several, one after the other."""
    return b"".join(map(number, values))


def packet(code: bytes, content: bytes) -> bytes:
    """A packet with its checksums."""
    start = code + number(len(content) + 4)
    return start + (crc(start) if len(content) + 4 > 4096 else b"") + content + crc(content)


def long_packet(code: bytes, size: int) -> bytes:
    """A packet of ``size`` bytes, above 4096, whose content is not read: its checksum is wrong."""
    start = code + number(size)
    return start + crc(start) + b"N" * size


def main_header(
    *,
    version: int = 3,
    streams: int = 1,
    time_base: tuple[int, int] = (1, 25),
    codes: bytes | None = None,
    prefixes: tuple[bytes, ...] = (),
) -> bytes:
    """A main header. Of its frame codes all but ``N`` say that everything is written out, unless given."""
    if codes is None:
        codes = numbers(CODED | CHECKSUM, 6, 0, 1, 0, 0, 0, 255)
    content = numbers(version, streams, 32767, 1, *time_base) + codes + number(len(prefixes))
    content += b"".join(number(len(prefix)) + prefix for prefix in prefixes)
    return packet(MAIN_CODE, content)


def stream_header(width: int = 4, height: int = 2, *, fourcc: bytes = b"NV12", kind: int = 0) -> bytes:
    """The header of the one stream."""
    content = numbers(0, kind, len(fourcc)) + fourcc + numbers(0, 7, 25, 0, 0, 0, width, height, 1, 1, 0)
    return packet(STREAM_CODE, content)


def syncpoint(pts: int = 0) -> bytes:
    """A syncpoint at ``pts``."""
    return packet(SYNCPOINT_CODE, numbers(pts, 0))


def frame_header(size: int, pts: int, *, prefix: int | None = None, shift: int = 7) -> bytes:
    """A frame's header with the time and everything else written out, and a checksum."""
    flags = KEY | CODED_PTS | SIZE_MSB | CHECKSUM | CODED | (0 if prefix is None else PREFIX)
    content = b"\x00" + number(flags ^ (CODED | CHECKSUM)) + numbers(pts + (1 << shift), size)
    content += b"" if prefix is None else number(prefix)
    return content + crc(content)


def header(width: int = 4, height: int = 2, *, time_base: tuple[int, int] = (1, 25)) -> bytes:
    """A stream up to its first frame."""
    return IDENTIFIER + main_header(time_base=time_base) + stream_header(width, height)


def frame(payload: bytes, pts: int) -> bytes:
    """A frame as FFmpeg writes large ones: each behind a syncpoint."""
    return syncpoint(pts) + frame_header(len(payload), pts) + payload
