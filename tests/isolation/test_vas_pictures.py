"""Which picture of a source is exported, with each FFmpeg, whatever the words of the source say."""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING

import pytest

from harness.footage import FFMPEGS, Keeper, call, ffmpeg_named, free_ports, recorded
from launch.vas.tap import SIDE_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Processes
    from harness.footage import Run
    from launch.vas.ffmpeg import FFmpeg
    from ruth.export.picture import Picture

X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
HUGE = SIDE_MAX * SIDE_MAX * 3 // 2


@pytest.fixture(scope="module", params=FFMPEGS)
def ffmpeg(request: pytest.FixtureRequest) -> FFmpeg:
    """Each FFmpeg that there is."""
    return ffmpeg_named(request.param)


def make(ffmpeg: FFmpeg, path: Path, picture: str, *options: str | Path) -> Path:
    """A video file of generated pictures."""
    call(ffmpeg, "-f", "lavfi", "-i", picture, *(options or X264), path)
    return path


class Luma(Keeper):
    """An exporter that also keeps the least and the greatest luma of each frame."""

    def open(self, camera_id: str, width: int, height: int, picture: Picture) -> Luma:
        """Itself, for one camera."""
        super().open(camera_id, width, height, picture)
        self.found: list[tuple[int, int]] = []
        self.on_commit = lambda _: self.found.append(
            (min(self.buffer[: width * height]), max(self.buffer[: width * height]))
        )
        return self


WORDS = "Video: rawvideo nv12, 64x64, "
LINES = f"x\n[info] Output #2, fifo, to 'pipe:1':\n[info]   Stream #2:0: {WORDS}\n"


@pytest.mark.parametrize("title", [WORDS, LINES, "Video: rawvideo nv12, 99999998x99999998, "])
def test_a_title_decides_nothing(ffmpeg: FFmpeg, tmp_path: Path, vas: Callable[..., Run], title: str) -> None:
    """A title that looks like FFmpeg's own words about the raw output changes neither geometry nor memory."""
    source = make(ffmpeg, tmp_path / "u.mp4", "testsrc=d=2", *X264, "-metadata", f"title={title}")
    keepers = {"a": Keeper(), "b": Keeper()}
    run = vas(f"a={source}", "b=test:64x48@10", exporter=lambda name, *form: keepers[name].open(name, *form))
    a, b = run.summary.cameras
    assert (keepers["a"].size, a.read, a.published, a.death) == ((320, 240), 50, 50, None)
    assert (keepers["b"].size, b.read, b.death) == ((64, 48), 100, None)
    assert len(set(keepers["a"].digests)) > 25


def test_a_file_name_decides_nothing(ffmpeg: FFmpeg, tmp_path: Path, vas: Callable[..., Run]) -> None:
    """The same of a file name with line ends."""
    source = make(ffmpeg, tmp_path / "u.mp4", "testsrc=d=0.4").rename(tmp_path / LINES.replace("/", "-"))
    keeper = Keeper()
    (camera,) = vas(f"cam={source}", exporter=keeper.open).summary.cameras
    assert (keeper.size, camera.read, camera.death) == ((320, 240), 10, None)


def test_a_session_name_decides_nothing(
    ffmpeg: FFmpeg, tmp_path: Path, processes: Processes, vas: Callable[..., Run]
) -> None:
    """The same of the name that an RTSP session has (``s=`` in its SDP)."""
    source = make(ffmpeg, tmp_path / "u.mp4", "testsrc=d=2", *X264, "-g", "10")
    (port,) = free_ports(1)
    address = f"rtsp://127.0.0.1:{port}/x"
    push = f"""
        while ! {ffmpeg.path} -v quiet -re -i {source} -c copy -metadata title='{WORDS}' \\
            -f rtsp -rtsp_transport tcp {address}
        do sleep 0.1; done"""
    processes.start("sh", "-c", push)
    keeper = Keeper()
    (camera,) = vas(f"cam={address.replace('rtsp', 'rtsp-listen')}", exporter=keeper.open).summary.cameras
    assert (keeper.size, camera.death) == ((320, 240), "lost")  # a live source that ends
    assert camera.published > 25


def test_memory_that_cannot_be_had(ffmpeg: FFmpeg, tmp_path: Path, vas: Callable[..., Run]) -> None:
    """A camera that cannot have its memory ends alone, in words."""
    source = make(ffmpeg, tmp_path / "v.mp4", "testsrc=d=0.4")
    keeper = Keeper()

    def exporter(camera_id: str, width: int, height: int, picture: Picture) -> Keeper:
        if camera_id == "victim":
            raise MemoryError
        return keeper.open(camera_id, width, height, picture)

    run = vas(f"victim={source}", f"other={source}", exporter=exporter)
    victim, other = run.summary.cameras
    assert (victim.death, victim.message) == ("given up", "no memory left")
    assert (other.read, other.death) == (10, None)
    assert "ruth: victim: given up: no memory left" in run.lines


@pytest.mark.parametrize(
    ("name", "encode"),
    [
        ("full.avi", ("-pix_fmt", "yuvj420p", "-c:v", "mjpeg", "-q:v", "2")),
        (
            "full.mp4",
            (*X264[:4], "-pix_fmt", "yuvj420p", "-color_range", "pc", "-colorspace", "smpte170m", "-qp", "1"),
        ),
    ],
)
def test_full_range(
    ffmpeg: FFmpeg, tmp_path: Path, vas: Callable[..., Run], name: str, encode: tuple[str, ...]
) -> None:
    """Pictures of full range are exported in limited range, and the header says so and which matrix."""
    picture = "nullsrc=s=320x180:r=5,geq=lum='255*X/W':cb=128:cr=128,format=yuvj420p"
    source = make(ffmpeg, tmp_path / name, picture, "-t", "1", *encode)
    luma = Luma()
    vas(f"cam={source}", exporter=luma.open)
    assert len(luma.found) == 5
    assert all(abs(least - 16) <= 1 and abs(most - 235) <= 1 for least, most in luma.found)
    assert (luma.picture.range, luma.picture.matrix) == ("limited", "bt601")


@pytest.mark.parametrize("told", [None, "bt709", "smpte170m", "bt2020nc"])
def test_limited_range_is_left_alone(
    ffmpeg: FFmpeg, tmp_path: Path, vas: Callable[..., Run], told: str | None
) -> None:
    """Pictures of limited range are exported bit for bit as they are decoded; a known matrix is told."""
    colours = () if told is None else ("-colorspace", told, "-color_range", "tv")
    source = make(ffmpeg, tmp_path / "v.mp4", "testsrc2=s=320x180", *X264, *colours, "-frames:v", "10")
    plain = call(ffmpeg, "-i", source, "-f", "rawvideo", "-pix_fmt", "nv12", "-")
    size = 320 * 180 * 3 // 2
    keeper = Keeper()
    vas(f"cam={source}", exporter=keeper.open)
    frames = (plain[start : start + size] for start in range(0, len(plain), size))
    assert keeper.digests == [hashlib.sha256(frame).hexdigest() for frame in frames]
    matrix = {None: None, "bt709": "bt709", "smpte170m": "bt601", "bt2020nc": "bt2020"}[told]
    assert (keeper.picture.range, keeper.picture.matrix) == ("limited", matrix)


def with_udta_first(content: bytes) -> bytes:
    """An MP4 whose user data stand before its tracks, as some cameras write it."""

    def boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
        position = 0
        while position < len(content):
            size, kind = struct.unpack_from(">I4s", content, position)
            yield kind, content[position : position + size]
            position += size

    place = {b"mvhd": 0, b"udta": 1}
    whole = b""
    for kind, box in boxes(content):
        inner = sorted(boxes(box[8:]), key=lambda each: place.get(each[0], 2)) if kind == b"moov" else []
        whole += box[:8] + b"".join(part for _, part in inner) if inner else box
    return whole


@pytest.mark.parametrize("name", ["cover.mp4", "first.mp4"])
def test_a_cover_is_no_video(ffmpeg: FFmpeg, tmp_path: Path, vas: Callable[..., Run], name: str) -> None:
    """Of a video with an attached picture the video is played, at its own pace, wherever that is."""
    video = make(ffmpeg, tmp_path / "v.mp4", "testsrc2=s=320x180:r=25:d=1")
    picture = make(ffmpeg, tmp_path / "t.jpg", "testsrc2=s=640x360", "-frames:v", "1", "-q:v", "2")
    maps = ("-map", "0", "-map", "1", "-c", "copy", "-disposition:v:1", "attached_pic")
    source = tmp_path / name
    call(ffmpeg, "-i", video, "-i", picture, *maps, source)
    if name == "first.mp4":
        source.write_bytes(with_udta_first(source.read_bytes()))
    keeper = Keeper()
    run = vas(f"cam={source}", exporter=keeper.open)
    assert (keeper.size, keeper.published) == ((320, 180), 25)
    assert len(recorded(ffmpeg, run.recordings / "cam.mkv")) == 25


@pytest.mark.parametrize("cover", [True, False])
def test_no_video(ffmpeg: FFmpeg, tmp_path: Path, vas: Callable[..., Run], cover: bool) -> None:
    """A file of sound, with a cover or without, has no video: the camera says so, and the run has failed."""
    sound = make(ffmpeg, tmp_path / "a.m4a", "sine=d=1", "-c:a", "aac")
    if cover:
        picture = make(ffmpeg, tmp_path / "t.jpg", "testsrc2=s=640x360", "-frames:v", "1", "-q:v", "2")
        maps = ("-map", "0", "-map", "1", "-c", "copy", "-disposition:v:0", "attached_pic")
        sound = tmp_path / "cover.m4a"
        call(ffmpeg, "-i", tmp_path / "a.m4a", "-i", picture, *maps, sound)
    for flag in ("true", None):
        run = vas(f"cam={sound}", flag=flag)
        assert run.lines == ["ruth: cam: not started: no video"]
        assert run.summary.failed


def test_no_picture(ffmpeg: FFmpeg, tmp_path: Path, vas: Callable[..., Run]) -> None:
    """A file whose video has not one picture to show has failed, in words, and leaves no recording."""
    video = make(ffmpeg, tmp_path / "v.mp4", "testsrc2=s=64x48:d=1")
    before_its_beginning = ("-c", "copy", "-output_ts_offset", "-5", "-avoid_negative_ts", "disabled")
    source = tmp_path / "none.mov"
    call(ffmpeg, "-i", video, *before_its_beginning, source)
    for flag in ("true", None):
        run = vas(f"cam={source}", flag=flag)
        assert run.lines[-1] == "ruth: cam: not started: no picture"
        assert run.summary.failed
        assert list(run.recordings.iterdir()) == []


def test_a_picture_too_small(ffmpeg: FFmpeg, tmp_path: Path, vas: Callable[..., Run]) -> None:
    """A picture of one pixel has no even size: the reason says that, whichever FFmpeg."""
    source = make(ffmpeg, tmp_path / "one.mkv", "testsrc=s=1x1:d=0.4", "-c:v", "ffv1")
    run = vas(f"cam={source}")
    assert run.summary.cameras[0].message == "a picture of less than 2x2 pixels"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_largest_stream(
    ffmpeg: FFmpeg, tmp_path: Path, vas: Callable[..., Run], order: tuple[int, int]
) -> None:
    """Of several video streams the largest is played and recorded, whichever is first or the default one."""
    pictures = ("testsrc=s=160x90:r=1:d=2", "testsrc=s=640x360:r=25:d=2")
    inputs = [part for picture in pictures for part in ("-f", "lavfi", "-i", picture)]
    maps = [part for number in order for part in ("-map", str(number))]
    small = ("-disposition:v", "0", f"-disposition:v:{order.index(0)}", "default")
    source = tmp_path / "two.mkv"
    call(ffmpeg, *inputs, *maps, *X264, *small, source)
    keeper = Keeper()
    run = vas(f"cam={source}", exporter=keeper.open)
    assert (keeper.size, keeper.published) == ((640, 360), 50)
    assert len(recorded(ffmpeg, run.recordings / "cam.mkv")) == 50


@pytest.mark.parametrize("flag", ["true", None])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p", "bgr0"])
def test_odd_sizes(
    ffmpeg: FFmpeg, tmp_path: Path, vas: Callable[..., Run], flag: str | None, pixels: str
) -> None:
    """A picture with an odd size loses its last column and row: every frame is exported and recorded."""
    source = make(ffmpeg, tmp_path / "odd.mkv", "testsrc=s=161x91:d=1", "-c:v", "ffv1", "-pix_fmt", pixels)
    keeper = Keeper()
    run = vas(f"cam={source}", exporter=keeper.open if flag else None, flag=flag)
    (camera,) = run.summary.cameras
    assert camera.death is None
    assert len(recorded(ffmpeg, run.recordings / "cam.mkv")) == 25
    assert camera.recording is not None
    if flag:
        assert (keeper.size, keeper.published) == ((160, 90), 25)


@pytest.mark.parametrize(("degrees", "size"), [("37", (320, 180)), ("90", (180, 320)), ("180", (320, 180))])
def test_rotation(
    tmp_path: Path, vas: Callable[..., Run], ffmpeg: FFmpeg, degrees: str, size: tuple[int, int]
) -> None:
    """A video that is to be shown rotated is exported as it is shown, with the size it has then."""
    maker = ffmpeg_named("packaged")  # older ones cannot write a rotation
    video = make(maker, tmp_path / "v.mp4", "testsrc2=s=320x180:d=0.4")
    call(maker, "-display_rotation", degrees, "-i", video, "-c", "copy", tmp_path / "rot.mp4")
    keeper = Keeper()
    (camera,) = vas(f"cam={tmp_path}/rot.mp4", exporter=keeper.open).summary.cameras
    assert (keeper.size, keeper.published, camera.death) == (size, 10, None)


def test_a_change_of_size(ffmpeg: FFmpeg, tmp_path: Path, vas: Callable[..., Run]) -> None:
    """After a change of size under way the pictures are scaled to the first one."""
    parts = b""
    for size in ("320x180", "160x120", "640x360"):
        part = make(ffmpeg, tmp_path / f"{size}.ts", f"testsrc2=s={size}:d=0.4")
        parts += part.read_bytes()
    (tmp_path / "all.ts").write_bytes(parts)
    keeper = Keeper()
    (camera,) = vas(f"cam={tmp_path}/all.ts", exporter=keeper.open).summary.cameras
    assert (keeper.size, camera.death) == ((320, 180), None)
    assert keeper.published >= 28
