"""Each program in docs/examples does what its page says, on frames that a real agent allowed."""

from __future__ import annotations

import re
import runpy
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from conftest import PROJECT
from harness.agents import launched, view_agent, wait_observed
from harness.published import Feed, exporter_of
from harness.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from conftest import Processes, Roots

cv2 = pytest.importorskip("cv2", reason="the extra `examples` is not installed: ./tests/run --all")
pytestmark = pytest.mark.long

EXAMPLES = PROJECT / "docs" / "examples"
WIDTH, HEIGHT = 640, 480
STREET = 768, 576
BACKGROUND = 180
# A street with some seven pedestrians, which OpenCV's own examples use; Debian ships it.
FOOTAGE = Path("/usr/share/doc/opencv-doc/examples/data/vtest.avi")
needs_footage = pytest.mark.skipif(
    not FOOTAGE.is_file(), reason=f"real footage is not here: apt install opencv-doc, for {FOOTAGE}"
)


def nv12(luma: NDArray[np.uint8]) -> bytes:
    """A grey frame."""
    return luma.tobytes() + bytes([128]) * (luma.size // 2)


def plain() -> NDArray[np.uint8]:
    """An empty scene."""
    return np.full((HEIGHT, WIDTH), BACKGROUND, np.uint8)


def walking(centre: int) -> NDArray[np.uint8]:
    """A dark figure before a bright wall, 240 pixels tall, at this column."""
    luma = plain()
    dark, top, scale = 60, 90, 0.85

    def at(x: int, y: int) -> tuple[int, int]:
        return round(centre + x * scale), round(top + y * scale)

    cv2.circle(luma, at(0, 22), 19, dark, -1)
    cv2.rectangle(luma, at(-9, 40), at(9, 58), dark, -1)
    cv2.fillPoly(luma, [np.array([at(-42, 58), at(42, 58), at(32, 160), at(-32, 160)])], dark)
    for side in (-1, 1):
        cv2.line(luma, at(40 * side, 66), at(50 * side, 150), dark, 15)
        cv2.line(luma, at(17 * side, 155), at(24 * side, 285), dark, 22)
        cv2.ellipse(luma, at(30 * side, 290), (17, 7), 0, 0, 360, dark, -1)
    cv2.GaussianBlur(luma, (5, 5), 0, dst=luma)
    return luma


def street(height: int) -> tuple[NDArray[np.uint8], list[int]]:
    """A street on which seven people of this height in pixels stand, and the column of each."""
    scale = height / 240
    figure = cv2.resize(walking(320)[60:380, 220:420], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    rows, columns = figure.shape
    luma = np.full(STREET[::-1], BACKGROUND, np.uint8)
    centres = [60, 170, 280, 390, 500, 610, 700]
    for number, centre in enumerate(centres):
        left, top = centre - columns // 2, 150 + 30 * (number % 3)
        luma[top : top + rows, left : left + columns] = figure
    return luma, centres


def footage(count: int) -> list[NDArray[np.uint8]]:
    """Luma of so many frames of the real street, some seconds apart."""
    found = []
    video = cv2.VideoCapture(str(FOOTAGE))
    for number in range(count):
        video.set(cv2.CAP_PROP_POS_FRAMES, 100 * number)
        taken, frame = video.read()
        assert taken
        found.append(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY))
    return found


def printed(
    roots: Roots,
    processes: Processes,
    example: str,
    picture: Callable[[int], bytes],
    lines: int,
    model_id: str = "audit",
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> list[str]:
    """The first lines that an example prints while frames of these pictures are published at 25 fps.

    Then Ctrl-C ends it, without a word.
    """
    launched(roots, processes, "front-door")
    exporter = exporter_of(roots, "front-door", *size)
    program = processes.start(
        sys.executable,
        EXAMPLES / example,
        "front-door",
        model_id,
        env=roots.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    assert program.stderr is not None
    with Feed({"front-door": exporter}, picture=picture):
        said = []
        for _ in range(lines):
            line = program.stdout.readline()
            assert line, program.stderr.read()
            said.append(line.rstrip())
        program.send_signal(signal.SIGINT)
        assert (program.wait(timeout=60), program.stderr.read()) == (130, "")
    exporter.close()
    return said


def test_motion(roots: Roots, processes: Processes) -> None:
    """The motion example sees a box that moves by 16 pixels a frame, and how much of the picture that is."""

    def picture(number: int) -> bytes:
        luma = plain()
        left = number % 35 * 16
        luma[160:240, left : left + 80] = 40
        return nv12(luma)

    said = printed(roots, processes, "motion.py", picture, 12)
    moving = [
        float(found[1]) for line in said if (found := re.fullmatch(r"frame \d+: ([\d.]+)% moves", line))
    ]
    assert len(moving) == 12
    least, most = (100 * pixels / (WIDTH * HEIGHT) for pixels in (2 * 16 * 80, 2 * 80 * 80))
    assert all(least - 0.05 <= percent <= most + 0.05 for percent in moving)


def test_no_motion(roots: Roots, processes: Processes) -> None:
    """Noise on a still scene is not motion."""
    generator = np.random.default_rng(6)
    scenes = [nv12(plain() + generator.integers(-8, 9, (HEIGHT, WIDTH)).astype(np.uint8)) for _ in range(7)]
    said = printed(roots, processes, "motion.py", lambda number: scenes[number % 7], 12)
    assert {line.split(": ")[1] for line in said} == {"0.0% moves"}


def test_people(roots: Roots, processes: Processes) -> None:
    """The people example finds a person where one is, and none in an empty scene."""
    scenes = {150: nv12(walking(150)), 480: nv12(walking(480)), 0: nv12(plain())}
    order = list(scenes)
    said = printed(roots, processes, "people.py", lambda number: scenes[order[number % 3]], 15)
    assert said
    for line in said:
        found = re.fullmatch(r"frame (\d+): (\d) people (.*)", line)
        assert found is not None
        centre = order[int(found[1]) % 3]
        if not centre:
            assert found[3] == "[]"
            continue
        left, _, width, height = map(int, re.findall(r"-?\d+", found[3]))
        assert abs(left + width / 2 - centre) < 20
        assert 240 <= height <= 400


def test_people_of_a_street(roots: Roots, processes: Processes) -> None:
    """On a picture of 768 x 576, each of seven people of 60 pixels is found, where they stand."""
    luma, centres = street(60)
    for line in printed(roots, processes, "people.py", lambda _: nv12(luma), 2, size=STREET):
        numbers = list(map(int, re.findall(r"-?\d+", line.partition("people")[2])))
        found = sorted(left + width / 2 for left, width in zip(numbers[::4], numbers[2::4], strict=True))
        assert len(found) == len(centres), line
        assert all(abs(at - centre) < 10 for at, centre in zip(found, centres, strict=True)), line


@needs_footage
def test_people_of_a_real_street(roots: Roots, processes: Processes) -> None:
    """Of the some seven pedestrians on each frame of a real street five are found on average, or more."""
    frames = [nv12(luma) for luma in footage(8)]
    said = printed(roots, processes, "people.py", lambda number: frames[number % 8], 16, size=STREET)
    assert np.mean([int(line.split()[2]) for line in said]) >= 5


def scene_of_nature() -> NDArray[np.uint8]:
    """A picture with the statistics of photographs: detail of each size in proportion to the size (1/f)."""
    noise = np.fft.fft2(np.random.default_rng(6).normal(size=(HEIGHT, WIDTH)))
    frequency = np.hypot(np.fft.fftfreq(HEIGHT)[:, None], np.fft.fftfreq(WIDTH))
    frequency[0, 0] = np.inf
    picture = np.fft.ifft2(noise / frequency).real
    return np.clip(128 + 45 * picture / picture.std(), 0, 255).astype(np.uint8)


@needs_footage
def test_sharpness_of_a_real_street(roots: Roots, processes: Processes) -> None:
    """A real street is called sharp as it is, and blurred if it is out of focus by 8 pixels."""
    check_sharpness(roots, processes, footage(1)[0])


def test_sharpness(roots: Roots, processes: Processes) -> None:
    """The ONNX example tells a sharp picture from the same one out of focus by 8 pixels."""
    check_sharpness(roots, processes, scene_of_nature())


def check_sharpness(roots: Roots, processes: Processes, sharp: NDArray[np.uint8]) -> None:
    """Sharp and blurred frames in turn get their own verdicts."""
    scenes = [nv12(sharp), nv12(cv2.GaussianBlur(sharp, (0, 0), 8))]
    said = printed(
        roots, processes, "sharpness.py", lambda number: scenes[number // 8 % 2], 25, size=sharp.shape[::-1]
    )
    verdicts = set()
    for line in said:
        found = re.fullmatch(r"frame (\d+): (sharp|blurred or covered) \(([\d.]+)\)", line)
        assert found is not None
        expected = ("sharp", "blurred or covered")[int(found[1]) // 8 % 2]
        assert found[2] == expected
        verdicts.add(expected)
    assert len(verdicts) == 2


def test_asynchronous(roots: Roots, processes: Processes) -> None:
    """The asyncio example follows several cameras at once, each with its own frames."""
    cameras = ["a", "b", "c"]
    launched(roots, processes, *cameras)
    exporters = {camera: exporter_of(roots, camera, WIDTH, HEIGHT) for camera in cameras}
    levels = {camera: 10 * (number + 1) for number, camera in enumerate(cameras)}
    frames = {camera: bytes([level]) * (WIDTH * HEIGHT * 3 // 2) for camera, level in levels.items()}
    program = processes.start(
        sys.executable,
        EXAMPLES / "asynchronous.py",
        "audit",
        *cameras,
        env=roots.environ(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    seen: dict[str, set[str]] = {camera: set() for camera in cameras}
    with ExitStack() as feeds:
        for camera, exporter in exporters.items():
            feeds.enter_context(Feed({camera: exporter}, picture=lambda _, camera=camera: frames[camera]))
        while any(len(found) < 3 for found in seen.values()):
            camera, frame_id, level = program.stdout.readline().rstrip().split(": ")
            seen[camera].add(frame_id)
            assert int(level) == levels[camera]
    for exporter in exporters.values():
        exporter.close()


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_every_example_is_tested_and_on_the_page(example: object) -> None:
    """There is no example without a test above and a mention in docs/runtimes.md."""
    name = getattr(example, "name", "")
    assert f"examples/{name}" in (PROJECT / "docs" / "runtimes.md").read_text(encoding="utf-8")
    assert name.removesuffix(".py") in {test.removeprefix("test_") for test in globals()}


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_without_arguments(example: Path) -> None:
    """An example that is not told camera and model says what it wants, without a traceback: exit code 2."""
    done = subprocess.run([sys.executable, example, "one"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(rf"usage: {re.escape(str(example))} [A-Z. ]+\n", done.stderr)


def test_an_example_says_why_nothing_comes(roots: Roots, processes: Processes) -> None:
    """An example for which no frame comes ends after its ten seconds, and says what is missing."""
    program = processes.start(
        sys.executable,
        EXAMPLES / "motion.py",
        "front-door",
        "audit",
        env=roots.environ(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stderr is not None
    said = program.stderr.read()
    assert said.startswith("no eligible frame for 10 s: camera 'front-door' has no agent that can be seen")
    wait_until(lambda: program.poll() == 0, "it has ended")
    assert view_agent(roots, "front-door").pid is None


def test_the_graph_of_the_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its scores are those of OpenCV's own HOG detector within 0.01, for each picture of a batch."""
    import onnxruntime

    monkeypatch.setattr(sys, "argv", ["detector.py", "person", "out.png", "256", "a"])
    build_detector = runpy.run_path(str(EXAMPLES / "detector.py"), run_name="example")["build_detector"]
    session = onnxruntime.InferenceSession(build_detector(), providers=["CPUExecutionProvider"])
    hog = cv2.HOGDescriptor()
    hog.setSVMDetector(cv2.HOGDescriptor.getDefaultPeopleDetector())
    pictures = [scene_of_nature()[:200, :264], walking(320)[60:260, 200:464]]
    (scores,) = session.run(None, {"luma": np.stack(pictures)[:, None]})
    assert scores.shape == (2, 1, 10, 26)
    for picture, found in zip(pictures, scores[:, 0], strict=True):
        places, certain = hog.detect(
            np.ascontiguousarray(picture), hitThreshold=-10, winStride=(8, 8), padding=(0, 0)
        )
        assert len(places) == found.size
        for (left, top), score in zip(places, certain.ravel(), strict=True):
            assert abs(found[top // 8, left // 8] - score) < 0.01


def test_detector(roots: Roots, processes: Processes, tmp_path: Path) -> None:
    """On 16 cameras at once, in one batch, each person is found where they stand, and drawn as well."""
    cameras = {f"gate-{number}": (None, 150, 480)[number % 3] for number in range(16)}
    launched(roots, processes, *cameras)
    exporters = []
    for camera_id, centre in cameras.items():
        exporter = exporter_of(roots, camera_id, WIDTH, HEIGHT)
        exporters.append(exporter)
        assert exporter.publish(nv12(plain() if centre is None else walking(centre)), 1)
        wait_observed(roots, camera_id, 0)
    output = tmp_path / "found.png"
    program = processes.start(
        sys.executable,
        EXAMPLES / "detector.py",
        "audit",
        output,
        "288",
        *cameras,
        env=roots.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    assert program.stderr is not None
    seen = set()
    while not (line := program.stdout.readline()).startswith("batch"):
        found = re.fullmatch(r"(\S+): frame 0: (\d) people (.*)\n", line)
        assert found is not None, line + program.stderr.read()
        seen.add(found[1])
        centre = cameras[found[1]]
        boxes = np.array(re.findall(r"-?\d+", found[3]), int).reshape(-1, 4)
        assert len(boxes) == int(found[2]) == (centre is not None), line
        if centre is not None:
            left, _, width, _ = boxes[0]
            assert abs(left + width / 2 - centre * 288 / WIDTH) < 8
    assert (line, seen) == ("batch of 16: 10 people\n", set(cameras))
    program.send_signal(signal.SIGINT)
    assert (program.wait(timeout=60), program.stderr.read()) == (130, "")
    wall = cv2.imread(str(output))
    assert wall.shape == (4 * 240, 4 * 320, 3)
    green = (wall == (60, 220, 60)).all(axis=2)
    for number, centre in enumerate(cameras.values()):
        row, column = divmod(number, 4)
        assert green[row * 240 :, column * 320 :][:240, :320].any() == (centre is not None)
    for exporter in exporters:
        exporter.close()
