"""Everything that Ruth reads from outside, as functions of bytes that return, or have found a defect.

Used by hypothesis in CI, and by atheris, which is guided by the code it reaches (``python -m fuzz``).
"""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from doubles import handwritten_nut as nut
from fuzz.exports_read import BoundRing, NewReader, NewReaderOfVersion1, RenamedPair
from harness.exports import META_V1, META_V2, RECORD
from launch.prepare.config.plan import ConfigError, parse_config
from launch.vas.ffmpeg_log import last_error
from launch.vas.matroska import read_picture
from launch.vas.nut import IDENTIFIER, MAIN_CODE, STREAM_CODE, SYNCPOINT_CODE, NutFrame, NutReader
from launch.vas.nut_fields import NutError
from launch.vas.probe import largest_video
from launch.vas.source import Kind, SourceError, parse_sources
from ruth.agent.agent import StreamAgent
from ruth.agent.last_allowed import find_model, last_allowed
from ruth.agent.state import HEADER_SIZE, MODEL_SIZE, MODELS_MAX, STATE_SIZE, parse_state
from ruth.agent.state_writer import AgentIdentity, StateWriter
from ruth.export.layout import RECORD_SIZE, SLOT_RECORDS_OFFSET, pack_record
from ruth.identity import id_problem
from ruth.subscription.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from launch.prepare.config.plan import CameraPlan
    from launch.prepare.config.problem import Problem
    from launch.vas.source import CameraSource

_CONFIGURATION: Final = b"""
[cameras.front-door.models]
person = { max_fps = 5 }
plate  = { max_fps = 2.5, active = false }
audit  = {}
[cameras."192.168.1.10".models.person]
"""
_CONFIGURATION_OF_GROUPS: Final = b"""
[models]
person = { max_fps = 5 }
plate  = { max_fps = 2.5 }
persoon = false
[groups.night]
cameras = [
  "gate-1",
  "gate-2",
]
models = { plate = { max_fps = false } }
[cameras]
front-door = {}
yard = { models = { person = { max_fps = 10 }, plate = false, persoon = {} } }
"""
_FFMPEG_LOG: Final = b"""[info] Output #0, fifo, to 'pipe:1':
[info]   Stream #0:0: Video: rawvideo (NV12 / 0x3231564E), nv12(progressive), 1280x720, q=2-31, 25 fps
[info] Output #1, matroska, to 'a.mkv':
[info]   Stream #1:0: Video: h264, yuv420p(progressive), 1280x720, q=2-31
[in#0 @ 0x55] [error] Error opening input: No such file or directory
"""


_LISTING: Final = b"""#software: Lavf59.27.100
#tb 0: 1/12800
#media_type 0: video
#codec_id 0: h264
#dimensions 0: 1280x720
"""


class Target(NamedTuple):
    """One thing that is read.

    Attributes:
        make: Makes the function of bytes, given an empty directory on a tmpfs, which may outlive it.
        seeds: Contents that are read without complaint.
        words: What contents are made of.

    """

    make: Callable[[Path], Callable[[bytes], object]]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()


def _state() -> bytes:
    """The record of an agent that has observed some frames."""
    agent = StreamAgent("front-door")
    for model_id, max_fps in (("person", 5.0), ("audit", None)):
        agent.subscribe(Subscription("front-door", model_id, max_fps))
    agent.start()
    memory = bytearray(STATE_SIZE)
    writer = StateWriter(agent).initialise(memoryview(memory), AgentIdentity(77, 88, 99, 66))
    writer.write_export(2, 1, 12, 34)
    for frame_id in range(5):
        agent.observe(frame_id, frame_id * 40_000_000)
        writer.write_frame(1000)
    return bytes(memory[: HEADER_SIZE + 2 * MODEL_SIZE])


def _read_state(content: bytes) -> None:
    """A whole record or none, which can be shown as JSON; what a runtime takes out of it is what it says."""
    whole = parse_state(content)
    record = whole or parse_state(content, torn=True)
    if record is None:
        assert find_model(content, bytes(64)) is None or len(content) < STATE_SIZE
        return
    assert len(record.models) <= MODELS_MAX
    json.dumps(record, allow_nan=False)
    for index, model in enumerate(record.models):
        assert model.max_fps is None or 0 < model.max_fps < math.inf
        start = HEADER_SIZE + MODEL_SIZE * index
        padded = content[start : start + 64]
        position = find_model(content, padded)
        assert position is not None
        assert position <= index
        allowed = last_allowed(content, index, padded)
        assert (allowed is None) is (whole is None)
        if allowed is not None:
            assert allowed.allowed == model.allowed


def _read_configuration(content: bytes) -> None:
    """A plan whose names are ids, or problems that can be shown."""
    text = content.decode(errors="surrogateescape")
    cameras: tuple[CameraPlan, ...] = ()
    problems: tuple[Problem, ...] = ()
    try:
        cameras = parse_config(text).cameras
    except ConfigError as error:
        problems = error.problems
    assert bool(cameras) is not bool(problems)
    for problem in problems:
        assert problem.line is None or 1 <= problem.line <= text.count("\n") + 1
        assert problem.text("ruth.toml").isprintable()
    for camera in cameras:
        assert id_problem(camera.camera_id) is None
        assert camera.models
        assert all(id_problem(model.model_id) is None for model in camera.models)


def _read_sources(content: bytes) -> None:
    """Sources, or problems; what is shown of a URL has no password."""
    arguments = content.decode(errors="surrogateescape").split("\n")
    sources: tuple[CameraSource, ...] = ()
    with suppress(SourceError):
        sources = parse_sources(arguments)
    for source in sources:
        assert id_problem(source.camera_id) is None
        assert source.width % 2 == source.height % 2 == 0
        if source.kind.live and source.kind is not Kind.V4L2:
            assert source.shown.partition("//")[2].rpartition("@")[0] in ("", "***")


def _read_ffmpeg_log(content: bytes) -> None:
    """An error of one line, or none."""
    error = last_error(content.decode(errors="replace"))
    assert error is None or (error and "\n" not in error)


# A frame code of which no frame has a checksum, so that what is changed in one is not found at once.
_UNCHECKED: Final = nut.numbers(nut.KEY | nut.CODED_PTS | nut.SIZE_MSB, 6, 0, 1, 0, 0, 0, 255)
_UNCHECKED_FRAMES: Final = b"".join(b"\0" + nut.numbers(time, 12) + bytes(12) for time in (1, 2, 3))


def _read_nut(content: bytes) -> None:
    """A stream or a refusal; nothing large is kept. Also as what is behind a right checksum."""
    main = nut.main_header(codes=_UNCHECKED)
    for stream in (
        content,
        IDENTIFIER + nut.packet(MAIN_CODE, content) + nut.header()[len(IDENTIFIER) :],
        IDENTIFIER + main + nut.packet(STREAM_CODE, content) + nut.syncpoint() + _UNCHECKED_FRAMES,
        nut.header() + nut.packet(SYNCPOINT_CODE, content),
        IDENTIFIER + main + nut.stream_header() + nut.syncpoint() + content,
    ):
        reader, room = NutReader(), memoryview(bytearray(4096))
        with suppress(NutError):
            for start in range(0, len(stream), 100):
                reader.receive(stream[start : start + 100])
                while True:
                    event = reader.next()
                    if isinstance(event, NutFrame):
                        assert event.pts >= 0
                        assert reader.payload_left == event.size <= 1 << 31
                    if event is None and not (reader.payload_left and reader.take(room)):
                        break
                assert len(reader._buffer) <= 1 << 15


def _read_listing(content: bytes) -> None:
    """The number of a stream, or none."""
    video = largest_video(content)
    assert video is None or 0 <= video.number < len(content)


def _exports(camera: Path) -> Callable[[bytes], object]:
    """Four readers meet each header."""
    benches = []
    for make in (BoundRing, NewReader, RenamedPair, NewReaderOfVersion1):
        directory = camera / make.__name__
        directory.mkdir()
        benches.append(make(directory))
    ring = benches[0]
    assert isinstance(ring, BoundRing)

    def read(content: bytes) -> None:
        for bench in benches:
            size = (
                RECORD_SIZE if isinstance(bench, RenamedPair | NewReaderOfVersion1) else SLOT_RECORDS_OFFSET
            )
            bench(content[:size])
        if len(content) >= SLOT_RECORDS_OFFSET + RECORD_SIZE:
            ring.find(content[SLOT_RECORDS_OFFSET:][:RECORD_SIZE])

    return read


def _numbers() -> Iterator[bytes]:
    for size, values in ((4, (2, 61, 62, 63, 2**31, 2**32 - 1)), (8, (4096, 2**32, 2**63, 2**64 - 4096))):
        yield from (value.to_bytes(size, "little") for value in values)


TARGETS: Final = {
    "exports": Target(
        _exports,
        (
            META_V1,
            META_V2[:SLOT_RECORDS_OFFSET],
            META_V2[:SLOT_RECORDS_OFFSET] + pack_record(RECORD),
        ),
        tuple(_numbers()),
    ),
    "state": Target(lambda _: _read_state, (_state(), _state().ljust(STATE_SIZE, b"\0")), tuple(_numbers())),
    "configuration": Target(
        lambda _: _read_configuration,
        (_CONFIGURATION, _CONFIGURATION_OF_GROUPS),
        (
            b"cameras",
            b"models",
            b"groups",
            b"false",
            b'["a", "b"]',
            b"max_fps",
            b"active",
            b"[[",
            b"]]",
            b'"""',
            b"'''",
            b"nan",
            b"1e400",
            b"\\u",
        ),
    ),
    "sources": Target(
        lambda _: _read_sources,
        (b"a=test:640x480@25\nb=rtsp://me:secret@host:554/1\nc=rtsp-listen://127.0.0.1:5000", b"a=/dev/null"),
        (b"=test", b"x", b"@", b"rtsp://", b"rtsps://", b"rtsp-listen://", b"127.0.0.1", b"[::1]", b":99999"),
    ),
    "nut": Target(
        lambda _: _read_nut,
        (
            nut.header() + nut.frame(bytes(12), 0) + nut.frame(bytes(12), 1),
            nut.main_header()[9:-4],
            nut.stream_header()[9:-4],
            _UNCHECKED_FRAMES,
        ),
        (MAIN_CODE, STREAM_CODE, SYNCPOINT_CODE, nut.INFO_CODE, nut.number(1 << 62), b"\x80" * 9, b"\0"),
    ),
    "description": Target(
        lambda _: read_picture,
        (bytes.fromhex("1a45dfa380 1853806701ffffffffffffff 1654ae6b8f ae8d e08b 55b088 55b18101 55b98101"),),
        (
            b"\x1a\x45\xdf\xa3",
            b"\x18\x53\x80\x67",
            b"\x16\x54\xae\x6b",
            b"\x01\xff\xff\xff\xff\xff\xff\xff",
            b"\xae",
        ),
    ),
    "listing": Target(
        lambda _: _read_listing,
        (_LISTING + _LISTING,),
        (b"#software: ", b"#media_type 0: video\n", b"#dimensions 0: 999999999x999999999\n", b"9" * 99),
    ),
    "ffmpeg-log": Target(
        lambda _: _read_ffmpeg_log,
        (_FFMPEG_LOG,),
        (
            b"[info] Output #",
            b": Video: rawvideo",
            b": Video: h264",
            b"nv12",
            b", 64x48 ",
            b"[error] ",
            b"9" * 99,
        ),
    ),
}
