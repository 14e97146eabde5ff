from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING
from zlib import crc32

import pytest

from launch.exits import UsageError
from launch.prepare import config_file
from launch.prepare.config_file import (
    add_config,
    config_path,
    configuration_number,
    configured_cameras,
    read_plan,
    read_text,
)

if TYPE_CHECKING:
    from pathlib import Path

VALID = "[cameras.{}.models]\nperson = {{}}\n"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The two places of a configuration that is not named, both empty: of the folder and of the host."""
    here, host = tmp_path / "here.toml", tmp_path / "host.toml"
    monkeypatch.setattr(config_file, "DEFAULT_PATHS", (str(here), str(host)))
    return here, host


def named(*words: str, positional: bool = True) -> argparse.Namespace:
    """The options of a command line."""
    parser = argparse.ArgumentParser()
    add_config(parser, positional=positional)
    return parser.parse_args(words)


def test_the_folders_own_file_comes_before_that_of_the_host(places: tuple[Path, Path]) -> None:
    """Without a name it is ./ruth.toml, or else the host's; without both, the error names them."""
    here, host = places
    with pytest.raises(UsageError, match=r"neither .*here\.toml nor .*host\.toml exists; name one with -c"):
        config_path(named())
    host.touch()
    assert config_path(named()) == str(host)
    here.touch()
    assert config_path(named()) == str(here)


def test_a_default_file_that_cannot_be_read_is_not_passed_over(places: tuple[Path, Path]) -> None:
    """A dangling link in the folder is an error, not a reason to take the host's file."""
    here, host = places
    here.symlink_to("nowhere")
    host.write_text(VALID.format("a"))
    with pytest.raises(UsageError, match="No such file"):
        read_plan(config_path(named()))


@pytest.mark.parametrize(
    "words", [("a.toml",), ("-c", "a.toml"), ("--config", "a.toml"), ("--config=a.toml",)]
)
def test_a_named_file_is_taken(places: tuple[Path, Path], words: tuple[str, ...]) -> None:
    """As an argument or with -c, whatever is in the default places."""
    places[0].touch()
    assert config_path(named(*words)) == "a.toml"


def test_an_empty_name_is_a_name(places: tuple[Path, Path]) -> None:
    """A shell variable that is not set does not turn into the default file."""
    places[0].write_text(VALID.format("a"))
    assert config_path(named("")) == ""
    with pytest.raises(UsageError):
        read_plan("")
    with pytest.raises(UsageError):
        configured_cameras("")


def test_a_file_is_named_once() -> None:
    """Two names are wrong usage, also if they are the same."""
    with pytest.raises(UsageError, match="given twice"):
        config_path(named("a.toml", "-c", "a.toml"))


def test_verbs_that_look_do_without_a_default_file(
    places: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """None where there is no file; its cameras where there is; of a wrong one, one line and None."""
    here, _ = places
    assert configured_cameras(None) is None
    here.write_text(VALID.format("a"))
    assert configured_cameras(None) == ["a"]
    here.write_text("[cameras.a.models]\nperson = 1\nplate = 2\n")
    assert capsys.readouterr().err == ""
    assert configured_cameras(None) is None
    said = capsys.readouterr().err
    assert said.startswith(f"{here}:2: cameras.a.models.person = 1: ")
    assert said.endswith(" (and 1 more: ruth check); shown without it\n")
    assert said.count("\n") == 1


def test_verbs_that_look_refuse_a_wrong_file_that_was_named(tmp_path: Path) -> None:
    """What was asked for is not passed over."""
    path = tmp_path / "a.toml"
    path.write_text("")
    with pytest.raises(UsageError, match="cameras: missing"):
        configured_cameras(str(path))


def test_a_file_is_read_to_its_limit_and_no_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A larger file, a FIFO and a device are refused at once."""
    monkeypatch.setattr("launch.text_file.BYTES_MAX", 10)
    path = tmp_path / "a.toml"
    path.write_bytes(b"#" * 10)
    assert read_text(str(path)) == "#" * 10
    path.write_bytes(b"#" * 11)
    with pytest.raises(UsageError, match="more than 10 bytes"):
        read_text(str(path))
    os.mkfifo(tmp_path / "fifo")
    for name in (str(tmp_path / "fifo"), "/dev/zero"):
        with pytest.raises(UsageError, match="not a regular file"):
            read_text(name)


def test_a_name_is_shown_escaped(tmp_path: Path) -> None:
    """What a file is called moves no cursor."""
    with pytest.raises(UsageError) as raised:
        read_text(f"{tmp_path}/a\x1b[2J\n.toml")
    assert str(raised.value).endswith("/a\\u001B[2J\\n.toml: No such file or directory")


def test_the_number_of_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is that of the absolute path: the same from each folder, another for another file, 0 for stdin."""
    monkeypatch.chdir(tmp_path)
    number = configuration_number("ruth.toml")
    assert number == crc32(f"{tmp_path}/ruth.toml".encode()) == configuration_number(f"{tmp_path}/ruth.toml")
    assert configuration_number("other.toml") != number
    assert configuration_number("-") == 0
