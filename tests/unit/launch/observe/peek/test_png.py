from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from harness.footage import call, ffmpeg_here
from launch.observe.peek.png import png

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray


def picture(width: int, height: int) -> NDArray[np.uint8]:
    """Pixels at random: every difference between rows occurs."""
    return np.random.default_rng(width * height).integers(0, 256, (height, width, 3), np.uint8)


def chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a PNG, each of whose checksums is right."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    position = 8
    while position < len(content):
        (size,) = struct.unpack_from(">I", content, position)
        named = content[position + 4 : position + 8 + size]
        assert len(named) == 4 + size
        assert struct.unpack_from(">I", content, position + 8 + size) == (zlib.crc32(named),)
        yield named[:4], named[4:]
        position += 12 + size


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 2), (1, 9), (9, 1), (65, 33), (640, 360)])
@pytest.mark.parametrize("rows", [1, 7, 64])
def test_a_decoder_gets_every_pixel_back(tmp_path: Path, width: int, height: int, rows: int) -> None:
    """FFmpeg decodes the file to the very pixels it was made of, however they were cut into bands."""
    pixels = picture(width, height)
    file = tmp_path / "frame.png"
    file.write_bytes(png(width, height, [pixels[top : top + rows] for top in range(0, height, rows)]))
    decoded = call(ffmpeg_here(), "-i", file, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    assert decoded == pixels.tobytes()


def test_the_chunks_of_a_file() -> None:
    """A file is header, pixels and end, each with its checksum, in 8 bits of red, green and blue."""
    content = png(6, 4, [picture(6, 4)])
    kinds, bodies = zip(*chunks(content), strict=True)
    assert kinds == (b"IHDR", b"IDAT", b"IEND")
    assert bodies[0] == struct.pack(">IIBBBBB", 6, 4, 8, 2, 0, 0, 0)
    assert bodies[2] == b""


def test_flat_pictures_are_small() -> None:
    """A picture of one colour takes less than a hundredth of its pixels."""
    assert len(png(640, 360, [np.full((360, 640, 3), 99, np.uint8)])) < 640 * 360 * 3 / 100


@pytest.mark.parametrize("shape", [(3, 6, 3), (5, 6, 3), (4, 5, 3), (4, 7, 3), (4, 6, 4)])
def test_pixels_of_another_size_are_refused(shape: tuple[int, int, int]) -> None:
    """Rows or columns that are not those of the header make no file."""
    with pytest.raises(ValueError, match="picture of"):
        png(6, 4, [np.zeros(shape, np.uint8)])
