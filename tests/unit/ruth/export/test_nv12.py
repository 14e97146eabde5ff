from __future__ import annotations

import itertools
import mmap
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ruth.export.layout import FrameRecord, nv12_size, slot_record_offset, unpack_record, unpack_ring
from ruth.export.nv12 import Nv12Views, nv12_views

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


GEOMETRIES = [(2, 2, 2), (16, 8, 16), (16, 8, 64), (6, 4, 7), (640, 360, 640), (642, 362, 704)]
geometries = pytest.mark.parametrize(
    ("width", "height", "stride"), GEOMETRIES, ids=[f"{w}x{h} stride {s}" for w, h, s in GEOMETRIES]
)


def record_of(width: int, height: int, stride: int, data_offset: int = 0) -> FrameRecord:
    """The record of a frame with this geometry at this offset."""
    return FrameRecord(2, 0, 7, 7, width, height, 0, stride, nv12_size(stride, height), data_offset, 2)


def numbered(size: int) -> bytes:
    """Bytes that tell where they stand."""
    return (np.arange(size, dtype=np.uint64) * 2654435761 >> 13).astype(np.uint8).tobytes()


def mapped(path: Path, content: bytes) -> mmap.mmap:
    """A file of this content, mapped as a reader maps it."""
    path.write_bytes(content)
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), len(content), mmap.MAP_SHARED, mmap.PROT_READ)


def address_of(array: NDArray[np.uint8]) -> int:
    """Where an array's first byte lies."""
    return int(array.__array_interface__["data"][0])


@geometries
def test_planes_have_the_shapes_of_nv12(width: int, height: int, stride: int) -> None:
    """Both planes are (height * 3 / 2, width), luma (height, width), chroma (height / 2, width / 2, 2)."""
    views = nv12_views(numbered(nv12_size(stride, height)), record_of(width, height, stride))
    assert views.nv12.shape == (height * 3 // 2, width)
    assert views.y.shape == (height, width)
    assert views.uv.shape == (height // 2, width // 2, 2)
    assert {view.dtype for view in views} == {np.dtype(np.uint8)}


@geometries
def test_rows_are_a_stride_apart(width: int, height: int, stride: int) -> None:
    """Row n of either plane starts n strides behind the plane; the padding behind a row is not in it."""
    content = numbered(nv12_size(stride, height))
    views = nv12_views(content, record_of(width, height, stride))
    assert views.nv12.strides == views.y.strides == (stride, 1)
    assert views.uv.strides == (stride, 2, 1)
    rows = [content[row * stride : row * stride + width] for row in range(height * 3 // 2)]
    assert [row.tobytes() for row in views.nv12] == rows
    assert [row.tobytes() for row in views.y] == rows[:height]
    assert [row.tobytes() for row in views.uv] == rows[height:]


def test_chroma_is_interleaved() -> None:
    """The last axis of chroma is Cb, then Cr, of two by two pixels."""
    content = bytes(16 * 8) + bytes(range(64))
    views = nv12_views(content, record_of(16, 8, 16))
    assert views.uv[2, 3].tolist() == [2 * 16 + 3 * 2, 2 * 16 + 3 * 2 + 1]


@pytest.mark.parametrize("offset", [0, 1, 4096, 8192])
def test_a_frame_starts_at_its_offset(offset: int) -> None:
    """The frame is taken from data_offset on, wherever that lies in the buffer."""
    content = numbered(16384)
    views = nv12_views(content, record_of(16, 8, 16, offset))
    assert views.nv12.tobytes() == content[offset : offset + 192]


def test_a_frame_may_end_with_its_buffer() -> None:
    """A frame whose last byte is the buffer's last is inside."""
    content = numbered(8192)
    assert nv12_views(content, record_of(16, 8, 16, 8000)).nv12.tobytes() == content[8000:]


@pytest.mark.parametrize(
    "record",
    [
        record_of(16, 8, 16, 8001),
        record_of(16, 8, 16, 8191),
        record_of(16, 8, 16, 8192),
        record_of(16, 8, 16, 8193),
        record_of(16, 8, 16, 2**31),
        record_of(16, 8, 16, 2**63 - 1),
        record_of(16, 8, 16, 2**63),
        record_of(16, 8, 16, 2**64 - 1),
        record_of(16, 8, 2**32 - 1),
        record_of(16, 2**32 - 2, 16),
        record_of(2**32 - 2, 8, 2**32 - 2),
        record_of(2**32 - 2, 2**32 - 2, 2**32 - 1),
        record_of(1920, 1080, 1920),
    ],
    ids=lambda record: f"{record.width}x{record.height} stride {record.stride} at {record.data_offset}",
)
def test_a_frame_outside_its_buffer_is_refused(record: FrameRecord) -> None:
    """There is no view of a frame that does not lie wholly inside the buffer."""
    with pytest.raises(ValueError, match=r".+"):
        nv12_views(numbered(8192), record)


def test_a_view_is_no_copy(tmp_path: Path) -> None:
    """All three views are the mapping's own memory, at the frame's own place, and not a copy."""
    with mapped(tmp_path / "frame.data", numbered(8192)) as buffer:
        whole = np.frombuffer(buffer, dtype=np.uint8)
        start = address_of(whole)
        views = nv12_views(buffer, record_of(16, 8, 16, 4096))
        assert all(np.shares_memory(view, whole) for view in views)
        assert [address_of(view) - start for view in views] == [4096, 4096, 4096 + 16 * 8]
        del whole, views


def test_a_view_sees_what_the_writer_writes(tmp_path: Path) -> None:
    """A view shows the memory as it is now, also what the writer puts there later."""
    path = tmp_path / "frame.data"
    with mapped(path, bytes(4096)) as buffer:
        views = nv12_views(buffer, record_of(16, 8, 16))
        with path.open("r+b") as writer:
            writer.write(b"\xeb" * 192)
        assert {int(value) for value in views.nv12.flat} == {0xEB}
        del views


def read_only_buffers(path: Path) -> list[mmap.mmap | memoryview | bytes]:
    """Each kind of buffer that cannot be written: a mapping, a view of one, a view of other memory, bytes."""
    content = numbered(4096)
    mapping = mapped(path, content)
    return [mapping, memoryview(mapping), memoryview(bytearray(content)).toreadonly(), content]


def test_pixels_cannot_be_written(tmp_path: Path) -> None:
    """Writing to any view raises, whatever read-only buffer it is of, and changes nothing."""
    for buffer in read_only_buffers(tmp_path / "frame.data"):
        views = nv12_views(buffer, record_of(16, 8, 16))
        before = views.nv12.tobytes()
        for view in views:
            with pytest.raises(ValueError, match="read-only"):
                view[0, 0] = 1
            with pytest.raises(ValueError, match="read-only"):
                view += 1  # noqa: PLW2901 - in place is the point
        assert views.nv12.tobytes() == before


def test_views_cannot_be_made_writable(tmp_path: Path) -> None:
    """setflags(write=True) raises for every view, and for a view of a view."""
    for buffer in read_only_buffers(tmp_path / "frame.data"):
        for view in nv12_views(buffer, record_of(16, 8, 16)):
            for array in (view, view[:2], view.reshape(-1)):
                with pytest.raises(ValueError, match="WRITEABLE"):
                    array.setflags(write=True)


@pytest.mark.parametrize("kind", ["bytearray", "memoryview", "mapping"])
def test_a_buffer_that_can_be_written_is_refused(kind: str) -> None:
    """There is no view of memory that this process could write to."""
    content = bytearray(4096)
    buffers = {"bytearray": content, "memoryview": memoryview(content), "mapping": mmap.mmap(-1, 4096)}
    with pytest.raises(ValueError, match="read-only"):
        nv12_views(buffers[kind], record_of(16, 8, 16))  # type: ignore[arg-type]


def test_a_view_keeps_its_mapping(tmp_path: Path) -> None:
    """While a view lives its mapping cannot be closed under it; when the last one is gone it can."""
    mapping = mapped(tmp_path / "frame.data", numbered(4096))
    luma = nv12_views(mapping, record_of(16, 8, 16)).y
    with pytest.raises(BufferError):
        mapping.close()
    assert luma.tobytes() == numbered(4096)[: 16 * 8]
    del luma
    mapping.close()


def luma(frame_id: int, row: int, column: int) -> int:
    """The examples' formula of Y[row][column]."""
    return (7 * frame_id + 3 * row + column) % 256


def chroma(frame_id: int, row: int, column: int) -> int:
    """The examples' formula of the interleaved UV[row][column]."""
    return (200 - 5 * frame_id + row - column) % 256


def example_pixels(frame_id: int) -> tuple[list[list[int]], list[list[int]]]:
    """Y and interleaved UV of an example's frame: 8 and 4 rows of 16."""
    return (
        [[luma(frame_id, row, column) for column in range(16)] for row in range(8)],
        [[chroma(frame_id, row, column) for column in range(16)] for row in range(4)],
    )


def pixels(views: Nv12Views) -> tuple[list[list[int]], list[list[int]]]:
    """Y and interleaved UV of a frame, and that both planes are the same memory."""
    assert np.array_equal(views.nv12[:8], views.y)
    assert np.array_equal(views.nv12[8:], views.uv.reshape(4, 16))
    return views.y.tolist(), views.uv.reshape(4, 16).tolist()


def test_the_version_1_example_has_its_pixels(vectors: Path) -> None:
    """The frame of the version 1 example has the pixels of its formula."""
    record = unpack_record((vectors / "v1/front-door/frame.meta").read_bytes())
    data = (vectors / "v1/front-door/frame.data").read_bytes()
    assert pixels(nv12_views(data, record)) == example_pixels(41)


def test_every_whole_frame_of_the_version_2_example_has_its_pixels(vectors: Path) -> None:
    """Frames 2 to 5 of the version 2 example are whole, each in its slot with the pixels of its formula."""
    meta = (vectors / "v2/front-door/frame.meta").read_bytes()
    data = (vectors / "v2/front-door/frame.data").read_bytes()
    slots = [unpack_record(meta, slot_record_offset(slot)) for slot in range(unpack_ring(meta).slot_count)]
    found = {slot.frame_id: pixels(nv12_views(data, slot)) for slot in slots}
    assert found == {frame_id: example_pixels(frame_id) for frame_id in (2, 3, 4, 5)}
    assert pixels(nv12_views(data, unpack_record(meta))) == example_pixels(5)


def test_the_examples_tell_frames_apart(vectors: Path) -> None:
    """No two frames of the example have the same pixels, so that a wrong slot would be noticed."""
    assert all(
        example_pixels(one) != example_pixels(other) for one, other in itertools.combinations(range(6), 2)
    )
