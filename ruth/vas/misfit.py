"""What a frame that does not fit an export looks like, in words: for the message of :mod:`ruth.vas.exporter`.

Pure: sizes in, a sentence out. It decides nothing: what does not fit is not published.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Sizes that cameras and decoders have, in pixels, the likeliest first: some share a number of bytes.
USUAL_SIZES: Final = (
    (1920, 1080), (1280, 720), (3840, 2160), (2560, 1440), (640, 480), (640, 360), (2688, 1520), (2592, 1944),
    (2304, 1296), (1920, 1088), (704, 576), (704, 480), (720, 576), (720, 480), (768, 576), (960, 540),
    (352, 288), (320, 240), (320, 180), (480, 270), (800, 600), (1024, 768), (1280, 960), (1280, 1024),
    (1600, 1200), (2048, 1536), (2560, 1920), (4096, 2160), (7680, 4320),
)  # fmt: skip

_COLOURS: Final = "publish_bgr() or publish_rgb()"


def describe_shape(shape: Sequence[int], width: int, height: int) -> str:
    """What an array of bytes looks like.

    Args:
        shape: Its shape.
        width: Of the export, in pixels.
        height: Of the export, in rows.

    Returns:
        ``"this looks like BGR or RGB 1920x1080: use publish_bgr() or publish_rgb()"``; "" if like nothing.

    """
    match list(shape):
        case [rows, columns, 3]:
            return _with_size(f"BGR or RGB {columns}x{rows}: use {_COLOURS}", columns, rows, width, height)
        case [rows, columns, 4]:
            advice = f"use {_COLOURS} with frame[..., :3]"
            return _with_size(f"BGRA or RGBA {columns}x{rows}: {advice}", columns, rows, width, height)
        case [rows, columns] if (columns, rows) == (width, height):
            return f"this looks like gray {columns}x{rows}: NV12 has {height // 2} rows of chroma below it"
        case [rows, columns] if rows % 3 == 0 and columns % 2 == 0:
            rows = rows * 2 // 3
            return f"this looks like NV12 {columns}x{rows}: use publish(), after resize({columns}, {rows})"
        case [size]:
            return describe_size(size, width, height)
    return ""


def _with_size(words: str, columns: int, rows: int, width: int, height: int) -> str:
    if (columns, rows) == (width, height):
        return f"this looks like {words}"
    return f"this looks like {words}, after resize({columns}, {rows})"


def describe_size(size: int, width: int, height: int) -> str:
    """What so many bytes look like. Arguments and result as of :func:`describe_shape`."""
    for columns, rows in ((width, height), *USUAL_SIZES):
        for name, advice in _forms(size, columns * rows):
            if (columns, rows) == (width, height):
                return f"this looks like {name} {columns}x{rows}: {advice}"
            return f"this looks like {name} {columns}x{rows}: {advice}, after resize({columns}, {rows})"
    return ""


def _forms(size: int, pixels: int) -> Iterator[tuple[str, str]]:
    """What has that many bytes at that many pixels."""
    if size * 2 == pixels * 3:
        yield "NV12", "use publish()"
    elif size == pixels * 3:
        yield "BGR or RGB", f"use {_COLOURS} with an array (height, width, 3)"
    elif size == pixels * 4:
        yield "BGRA or RGBA", f"use {_COLOURS} with an array (height, width, 3)"
    elif size == pixels * 2:
        yield "YUYV or NV16", "have it converted to NV12"
