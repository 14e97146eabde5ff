"""Steps in C of a version 1 export: the same as in Python, whatever is there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doubles.handwritten_exports import HandwrittenRenamed
from harness.exports import FRAME_SIZE, HEIGHT, WIDTH
from harness.twins import CAPS, MS, STEPS, Twins, taken
from ruth.export.layout import FrameRecord
from ruth.identity import DATA_NAME, META_NAME

if TYPE_CHECKING:
    from harness.compiled_steps import StepLibrary


@pytest.mark.parametrize(
    "fields",
    [
        {"version": 2},
        {"version": 3},
        {"width": WIDTH - 2},
        {"height": HEIGHT + 2},
        {"stride": WIDTH + 2},
        {"pixel_format": 1},
        {"data_size": FRAME_SIZE + 1},
        {"data_offset": 5, "sequence": 7},
    ],
    ids=str,
)
def test_a_header_that_changes_is_met_as_in_python(library: StepLibrary, fields: dict[str, int]) -> None:
    """Another geometry, a pair that does not fit, reserved bytes that are used."""
    with Twins(library, HandwrittenRenamed) as twins:
        assert taken(twins, 3) == 3
        twins.camera.frame(40 * MS)
        twins.camera.change(**fields)
        twins.step()
        twins.camera.repair()
        assert twins.step()
        assert twins.compiled.in_c


@pytest.mark.parametrize(
    ("name", "size"), [(META_NAME, 0), (META_NAME, 63), (META_NAME, 65), (DATA_NAME, 0), (DATA_NAME, 10)]
)
def test_nothing_is_taken_of_a_file_of_another_size(library: StepLibrary, name: str, size: int) -> None:
    """Files must have the sizes of version 1; the empty ones of a server that has just begun have not."""
    with Twins(library, HandwrittenRenamed) as twins:
        assert taken(twins, 3) == 3
        twins.camera.frame(40 * MS)
        twins.camera.resize(name, size)
        assert not twins.step()
        twins.camera.repair()
        assert twins.step()
        assert twins.compiled.in_c


def test_empty_files_at_first_are_no_export(library: StepLibrary) -> None:
    """A video server makes them before its first frame; that is then taken in C."""
    with Twins(library, HandwrittenRenamed, before=_empty) as twins:
        assert twins.compiled.export == (0, 0)
        assert twins.frame()
        assert twins.compiled.taken == 1


def _empty(camera: HandwrittenRenamed) -> None:
    for name in (META_NAME, DATA_NAME):
        (camera.folder / name).write_bytes(b"")


def test_data_of_another_mode_is_opened_once(library: StepLibrary) -> None:
    """Whether a frame can be read is asked again when its owner, group or mode is another."""
    with Twins(library, HandwrittenRenamed) as twins:
        assert taken(twins, 3) == 3
        twins.camera.frame(40 * MS)
        (twins.camera.folder / DATA_NAME).chmod(0o640)
        assert twins.step()
        assert twins.compiled.taken == 5


@pytest.mark.parametrize("name", [META_NAME, DATA_NAME])
@pytest.mark.parametrize("become", ["nothing", "link", "directory", "fifo"])
def test_what_is_no_file_is_no_frame(library: StepLibrary, name: str, become: str) -> None:
    """No link is followed, no FIFO waited for, and nothing taken from what is not a regular file."""
    with Twins(library, HandwrittenRenamed) as twins:
        assert taken(twins, 3) == 3
        twins.camera.frame(40 * MS)
        path = twins.camera.folder / name
        moved = path.rename(path.with_name("moved"))
        if become == "link":
            path.symlink_to(moved)
        elif become == "directory":
            path.mkdir()
        elif become == "fifo":
            os.mkfifo(path)
        assert not twins.step()
        assert twins.compiled.taken == 4


def test_a_replaced_directory_is_found(library: StepLibrary) -> None:
    """What is at the path counts; the new one's first frame is taken in C."""
    with Twins(library, HandwrittenRenamed) as twins:
        assert taken(twins, 2) == 2
        twins.camera.replace()
        twins.step()
        assert twins.step() or twins.compiled.taken == 4
        assert twins.compiled.in_c


def test_no_descriptor_is_left_open(library: StepLibrary) -> None:
    """Each frame is another file, which is opened and closed."""
    with Twins(library, HandwrittenRenamed) as twins:
        assert taken(twins, 2) == 2
        before = os.listdir("/proc/self/fd")
        assert taken(twins, 5) == 5
        assert os.listdir("/proc/self/fd") == before


events = st.one_of(
    st.tuples(st.just("frame"), st.sampled_from(STEPS), st.sampled_from([1, 1, 1, 1, 2, 0, -1, 2**33])),
    st.tuples(st.just("change"), st.sampled_from(FrameRecord._fields), st.integers(0, 2**32 - 1)),
    st.tuples(st.just("repair")),
    st.tuples(
        st.just("resize"), st.sampled_from([META_NAME, DATA_NAME]), st.sampled_from([0, 63, 64, 65, 192])
    ),
    st.tuples(st.just("replace")),
)


@settings(derandomize=True, max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(stream=st.lists(events, max_size=15), inactive=st.sampled_from(["", "audit", "plate"]))
def test_an_agent_in_c_is_the_agent_in_python(
    library: StepLibrary, stream: list[tuple[str, str | int, int]], inactive: str
) -> None:
    """Whatever a camera does: the same frames are observed, with the same decisions and record."""
    with Twins(library, HandwrittenRenamed, CAPS, inactive) as twins:
        for name, *arguments in stream:
            if name == "change":
                field, value = arguments
                twins.camera.change(**{str(field): int(value)})
            else:
                getattr(twins.camera, name)(*arguments)
            twins.step()
