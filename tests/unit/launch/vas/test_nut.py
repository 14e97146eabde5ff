from __future__ import annotations

import pytest

from doubles.handwritten_nut import (
    INFO_CODE,
    KEY,
    crc,
    frame,
    frame_header,
    header,
    long_packet,
    main_header,
    number,
    numbers,
    packet,
    stream_header,
    syncpoint,
)
from launch.vas.nut import IDENTIFIER, PACKET_BYTES_MAX, SKIPPED_BYTES_MAX, NutFrame, NutReader, NutStream
from launch.vas.nut_fields import NutError

PAYLOAD = bytes(range(12))
STREAM = NutStream(b"NV12", 4, 2, 1, 25)
# As the muxer of FFmpeg 5.1 and of 9.0 wrote them for a stream of 16x16: the headers and one frame's.
WRITTEN_BY_FFMPEG = bytes.fromhex(
    "6e75742f6d756c74696d6564696120636f6e7461696e6572004e4d7a561f5f04ad4a030181ff7f0101839000"
    "c00006000000000001a00002010128010029002101 9f7f20029f7f8179c0000600000000000106030000010400"
    "0001b602fffa02fffb02fffc02fffd10fb95f34e5311405bf2f9db180000044e563132000e83900000000010"
    "10010100e3ea10eb4e4be4adeeca45690600000000000003008300"
)


def read(content: bytes, step: int | None = None) -> tuple[list[NutStream | NutFrame], bytes]:
    """All that a reader finds when it gets ``step`` bytes at a time: events, and payloads together."""
    reader, events, payloads = NutReader(), [], bytearray()
    step = step or len(content) or 1
    room = memoryview(bytearray(64))
    for start in range(0, len(content), step):
        reader.receive(content[start : start + step])
        while True:
            if (event := reader.next()) is not None:
                events.append(event)
            elif reader.payload_left and (count := reader.take(room)):
                payloads += room[:count]
            else:
                break
    return events, bytes(payloads)


def test_stream_and_frames() -> None:
    """A stream says its size, pixels and time base once, and each frame its time and size."""
    events, payloads = read(header() + frame(PAYLOAD, 0) + frame(PAYLOAD[::-1], 1))
    assert events == [STREAM, NutFrame(0, 12), NutFrame(1, 12)]
    assert payloads == PAYLOAD + PAYLOAD[::-1]


@pytest.mark.parametrize("step", [1, 2, 3, 5, 11, 40])
def test_in_pieces(step: int) -> None:
    """The bytes may come in pieces of any size: the same is read."""
    content = header() + frame(PAYLOAD, 7) + syncpoint(8) + frame(PAYLOAD, 8)
    assert read(content, step) == read(content)


def test_headers_that_ffmpeg_wrote() -> None:
    """What FFmpeg's muxer writes is read: size, time base, the time and payload of a frame."""
    events, _ = read(WRITTEN_BY_FFMPEG)
    assert events == [NutStream(b"NV12", 16, 16, 1, 51200), NutFrame(0, 384)]


def test_payload_read_elsewhere() -> None:
    """Payload that goes to its place past the reader is told, and the next header follows."""
    reader = NutReader()
    reader.receive(header() + syncpoint() + frame_header(12, 3) + PAYLOAD[:5])
    assert [reader.next(), reader.next(), reader.next()] == [STREAM, NutFrame(3, 12), None]
    assert reader.take(memoryview(bytearray(12))) == 5
    reader.passed(7)
    reader.receive(frame(PAYLOAD, 4))
    assert reader.next() == NutFrame(4, 12)


def test_passed_is_checked() -> None:
    """More than is left of a payload cannot have passed, and nothing before what was received is taken."""
    reader = NutReader()
    reader.receive(header() + frame(PAYLOAD, 3)[:-4])
    assert isinstance(reader.next(), NutStream)
    assert reader.next() == NutFrame(3, 12)
    with pytest.raises(ValueError, match="passed"):
        reader.passed(1)
    reader.take(memoryview(bytearray(12)))
    with pytest.raises(ValueError, match="passed"):
        reader.passed(5)


def test_headers_come_again() -> None:
    """Headers are repeated in a long stream: they say nothing new."""
    content = header() + frame(PAYLOAD, 0) + main_header() + stream_header() + frame(PAYLOAD, 1)
    assert [type(event) for event in read(content)[0]] == [NutStream, NutFrame, NutFrame]


def test_changed_header() -> None:
    """A header that comes again and says something else ends the stream: nothing is resized under way."""
    with pytest.raises(NutError, match="not the same"):
        read(header() + frame(PAYLOAD, 0) + stream_header(8, 2))


@pytest.mark.parametrize(
    "info",
    [
        packet(INFO_CODE, b""),
        packet(INFO_CODE, b"Video: rawvideo nv12, 99999998x99999998\nN" * 2),
        long_packet(INFO_CODE, 4097),
        long_packet(INFO_CODE, SKIPPED_BYTES_MAX),
    ],
)
def test_info_is_passed_over(info: bytes) -> None:
    """What a source says about itself, a title for example, is passed over and not kept, whatever it is."""
    content = header() + info + frame(PAYLOAD, 2)
    assert read(content, 997) == ([STREAM, NutFrame(2, 12)], PAYLOAD)


@pytest.mark.parametrize(
    ("time_base", "pts", "expected"),
    [
        ((1, 25), 3, 120_000_000),
        ((1001, 30000), 1, 33_366_666),
        ((1001, 30000), 30_000_000, 1_001_000_000_000_000),
        ((1, 90_000), 7_776_000_001, 86_400_000_011_111),
    ],
)
def test_times_are_exact(time_base: tuple[int, int], pts: int, expected: int) -> None:
    """Nanoseconds are computed from each time itself: nothing adds up over a day."""
    stream = read(header(time_base=time_base) + frame(PAYLOAD, pts))[0][0]
    assert isinstance(stream, NutStream)
    assert stream.nanoseconds(pts) == expected


def test_short_times() -> None:
    """A time of which only the lowest bits are written is the one next to the time before."""
    codes = numbers(KEY | 8 | 32, 6, 0, 1, 0, 0, 0, 255)  # coded time and size, no checksum

    def short(pts: int) -> bytes:
        return b"\x00" + number(pts & 127) + number(12) + PAYLOAD

    content = IDENTIFIER + main_header(codes=codes) + stream_header() + syncpoint(250)
    events, _ = read(content + short(251) + short(255) + short(256) + short(240))
    assert [event.pts for event in events if isinstance(event, NutFrame)] == [251, 255, 256, 240]


def test_prefix_left_out() -> None:
    """The beginning of a small frame may be left out of the stream: it is put back."""
    content = IDENTIFIER + main_header(prefixes=(b"\0\0\1", b"\xff\xfa")) + stream_header() + syncpoint()
    content += frame_header(12, 0, prefix=2)
    for step in (1, 200):
        events, payload = read(content + PAYLOAD[2:], step)
        assert (events[1:], payload) == ([NutFrame(0, 12)], b"\xff\xfa" + PAYLOAD[2:])


LARGE = 1 << 40


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"RIFF....AVI ", "not NUT"),
        (IDENTIFIER + main_header(version=4), "version: 4"),
        (IDENTIFIER + main_header(streams=2), "streams: 2"),
        (IDENTIFIER + main_header(time_base=(0, 25)), "time base: 0"),
        (IDENTIFIER + main_header(time_base=(1, 0)), "time base: 0"),
        (IDENTIFIER + main_header(codes=numbers(0, 6, 0, 1, 0, 0, 0, 300)), "run of 300"),
        (IDENTIFIER + main_header(codes=numbers(0, 0) * 200), "ends before its last"),
        (IDENTIFIER + main_header(prefixes=(bytes(600), bytes(600))), "bytes of a prefix: 600"),
        (IDENTIFIER + stream_header(), "before the main header"),
        (IDENTIFIER + main_header() + stream_header(kind=1), "kind"),
        (IDENTIFIER + main_header() + stream_header(fourcc=bytes(200)), "codec's name: 200"),
        (IDENTIFIER + main_header() + stream_header(0, 2), "width: 0"),
        (IDENTIFIER + main_header() + stream_header(4, LARGE), "height: "),
        (IDENTIFIER + main_header() + syncpoint(), "before the stream's header"),
        (header() + frame_header(12, 0), "before the first syncpoint"),
        (header() + syncpoint() + frame_header(LARGE, 0), "a frame of 1099511627776 bytes"),
        (header() + syncpoint() + b"\x00" + number(8192 ^ 64) + bytes(8), "not known"),
        (header() + syncpoint() + frame_header(12, 0)[:-1] + b"?" + PAYLOAD, "checksum"),
        (header() + long_packet(INFO_CODE, SKIPPED_BYTES_MAX + 1), "a packet of"),
        (header() + syncpoint()[:-1] + b"?", "checksum"),
        (header() + syncpoint()[:8] + number(PACKET_BYTES_MAX + 1), "a packet of 16385"),
        (header() + syncpoint()[:8] + number(3), "a packet of 3"),
        (header() + syncpoint()[:8] + b"\xff" * 12, "63 bits"),
        (header() + syncpoint() + b"\x00" + b"\x80" * 200, "header of more than|63 bits"),
    ],
)
def test_what_no_raw_output_is(content: bytes, problem: str) -> None:
    """Whatever is not such a stream ends it with the reason, in one piece or byte by byte."""
    for step in (1, None):
        with pytest.raises(NutError, match=problem):
            read(content, step)


def test_checksum_is_that_of_the_format() -> None:
    """The checksum is computed independently here: CRC-32 of polynomial 04C11DB7, not reflected."""
    assert crc(b"123456789") == bytes.fromhex("89a1897f")


def test_nothing_is_kept_of_what_is_large() -> None:
    """However much a stream announces, a reader keeps less than a packet of it."""
    reader = NutReader()
    reader.receive(header() + long_packet(INFO_CODE, SKIPPED_BYTES_MAX)[:100])
    for _ in range(3):
        assert reader.next() in (STREAM, None)
        reader.receive(bytes(4096))
        reader.next()
        assert len(reader._buffer) == 0
