"""Each program in docs/examples does what its page says, on frames that a real agent allowed."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from agents import launched, look
from conftest import PROJECT
from published import Feed, exporter_of
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from conftest import Processes, Roots

EXAMPLES = PROJECT / "docs" / "examples"
WIDTH, HEIGHT = 640, 480
CHROMA = bytes([128]) * (WIDTH * HEIGHT // 2)
BACKGROUND = 180


def nv12(luma: NDArray[np.uint8]) -> bytes:
    """A grey frame."""
    return luma.tobytes() + CHROMA


def plain() -> NDArray[np.uint8]:
    """An empty scene."""
    return np.full((HEIGHT, WIDTH), BACKGROUND, np.uint8)


def walking(centre: int) -> NDArray[np.uint8]:
    """Somebody dark before a bright wall, 240 pixels tall, at this column."""
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


def printed(
    roots: Roots,
    processes: Processes,
    example: str,
    picture: Callable[[int], bytes],
    lines: int,
    model_id: str = "audit",
) -> list[str]:
    """The first lines that an example prints while frames of these pictures are published at 25 fps.

    Then Ctrl-C ends it, without a word.
    """
    launched(roots, processes, "front-door")
    exporter = exporter_of(roots, "front-door", WIDTH, HEIGHT)
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
        assert (program.wait(timeout=10), program.stderr.read()) == (130, "")
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
    """Noise on a scene that stands still is no motion."""
    generator = np.random.default_rng(6)
    scenes = [nv12(plain() + generator.integers(-8, 9, (HEIGHT, WIDTH)).astype(np.uint8)) for _ in range(7)]
    said = printed(roots, processes, "motion.py", lambda number: scenes[number % 7], 12)
    assert {line.split(": ")[1] for line in said} == {"0.0% moves"}


def test_people(roots: Roots, processes: Processes) -> None:
    """The people example finds somebody where they stand, and nobody in an empty scene."""
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


def test_sharpness(roots: Roots, processes: Processes) -> None:
    """The ONNX example tells a sharp picture from the same one out of focus."""
    sharp = np.random.default_rng(6).integers(0, 2, (HEIGHT // 8, WIDTH // 8), np.uint8)
    sharp = np.kron(sharp, np.full((8, 8), 200, np.uint8)).astype(np.uint8)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 40).astype(np.uint8)
    scenes = [nv12(sharp), nv12(blurred)]
    said = printed(roots, processes, "sharpness.py", lambda number: scenes[number // 8 % 2], 25)
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
    assert look(roots, "front-door").pid is None
