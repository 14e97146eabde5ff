from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from launch.vas.recording import claim_recording, keep_recording, prepare_folder
from launch.vas.source import CameraSource, Kind, SourceError

if TYPE_CHECKING:
    from pathlib import Path


def file_source(camera_id: str, path: Path) -> CameraSource:
    """A camera that plays a file."""
    return CameraSource(camera_id, Kind.FILE, str(path), str(path))


def test_names_follow_each_other(tmp_path: Path) -> None:
    """The first recording has the camera's name, each later one the next number; none is touched again."""
    paths = [claim_recording(str(tmp_path), "a") for _ in range(3)]
    assert paths == [f"{tmp_path}/a.mkv", f"{tmp_path}/a~2.mkv", f"{tmp_path}/a~3.mkv"]


def test_what_has_the_name_is_left_alone(tmp_path: Path) -> None:
    """A file, a folder or a link with a recording's name stays what it is, also a link that leads nowhere."""
    (tmp_path / "a.mkv").write_text("kept")
    (tmp_path / "a~2.mkv").mkdir()
    (tmp_path / "a~3.mkv").symlink_to(tmp_path / "elsewhere")
    assert claim_recording(str(tmp_path), "a") == f"{tmp_path}/a~4.mkv"
    assert (tmp_path / "a.mkv").read_text() == "kept"
    assert not (tmp_path / "elsewhere").exists()


def test_names_taken_at_once_differ(tmp_path: Path) -> None:
    """However many take names at the same time, no two get the same."""
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: claim_recording(str(tmp_path), "a"), range(64)))
    assert len(set(paths)) == 64


def test_empty_recording_is_removed(tmp_path: Path) -> None:
    """A recording without a byte is removed; one with a byte is kept; one that is gone is not missed."""
    path = claim_recording(str(tmp_path), "a")
    assert not keep_recording(path)
    assert not os.path.exists(path)
    assert not keep_recording(path)
    with open(path, "w", encoding="ascii") as file:
        file.write("x")
    assert keep_recording(path)


def test_recording_of_no_picture_is_removed(tmp_path: Path) -> None:
    """A recording of Matroska's header alone is removed; one that goes on to a cluster is kept."""
    path = claim_recording(str(tmp_path), "a")
    header, cluster = bytes.fromhex("1A45DFA3 80"), bytes.fromhex("1F43B675")
    for content, kept in ((header + cluster, True), (header + bytes(1 << 16), True), (header, False)):
        with open(path, "wb") as file:
            file.write(content)
        assert keep_recording(path) is kept
        assert os.path.exists(path) is kept


@pytest.mark.parametrize("way", ["itself", "folder link", "file link", "hard link", "later number"])
def test_a_source_is_no_recording(tmp_path: Path, way: str) -> None:
    """A source that has a recording's name is refused in words, through whichever link either is named."""
    folder = tmp_path / "rec"
    folder.mkdir()
    source = folder / ("a~2.mkv" if way == "later number" else "a.mkv")
    source.write_text("video")
    if way == "later number":
        (folder / "a.mkv").write_text("earlier")
    elif way == "folder link":
        (tmp_path / "link").symlink_to(folder)
        source = tmp_path / "link" / "a.mkv"
    elif way == "file link":
        (tmp_path / "clip.mkv").symlink_to(source)
        source = tmp_path / "clip.mkv"
    elif way == "hard link":
        os.link(source, tmp_path / "clip.mkv")
        source = tmp_path / "clip.mkv"
    with pytest.raises(SourceError, match=r"rec: a(~2)?\.mkv is the source of b; choose another folder"):
        prepare_folder(str(folder), [CameraSource("a", Kind.TEST, "", "test"), file_source("b", source)])
    assert sorted(os.listdir(folder)) == (["a.mkv", "a~2.mkv"] if way == "later number" else ["a.mkv"])


def test_other_files_beside_recordings(tmp_path: Path) -> None:
    """A source that has no recording's name may be in the folder of the recordings."""
    (tmp_path / "clip.mkv").write_text("video")
    (tmp_path / "a.mkv").symlink_to(tmp_path / "nowhere")
    assert prepare_folder(str(tmp_path), [file_source("a", tmp_path / "clip.mkv")]) == str(tmp_path)


def test_folder_that_cannot_be_had(tmp_path: Path) -> None:
    """Where no folder can be made the problem says why, in printable words."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceError) as caught:
        prepare_folder(f"{tmp_path}/file/\x1b[2J", [])
    assert caught.value.problems == (f"recordings in {tmp_path}/file/\\u001B[2J: Not a directory",)
