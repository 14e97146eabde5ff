"""The README says what is so: its verbs, its configuration, its code."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from conftest import PROJECT
from launch.cli.main import parser_of
from launch.prepare.config.plan import parse_config

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Roots

README = (PROJECT / "README.md").read_text(encoding="utf-8")
PAGES = sorted(PROJECT.glob("*.md")) + sorted(PROJECT.glob("docs/**/*.md"))


def blocks(language: str, text: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_verbs() -> None:
    """The README's table of verbs lists exactly the verbs that the command has."""
    listed = set(re.findall(r"^\| `ruth ([a-z]+)", README, re.MULTILINE))
    usage = parser_of(()).format_help()
    assert listed == set(re.findall(r"^    ([a-z]+) ", usage, re.MULTILINE))


def test_configuration() -> None:
    """The README's configuration is valid, and says what the text around it says."""
    (text,) = blocks("toml", README)
    (camera,) = parse_config(text).cameras
    assert {model.model_id: model.max_fps for model in camera.models} == {
        "person": 5,
        "plate": 2.5,
        "audit": None,
    }


@pytest.mark.parametrize("flag", ["true", None])
def test_code(roots: Roots, flag: str | None) -> None:
    """Each of the README's programs runs, with the flag on and off, and prints what came of it."""
    programs = blocks("python", README)
    assert len(programs) >= 2
    for code in programs:
        done = subprocess.run(
            [sys.executable, "-c", code], env=roots.environ(flag=flag), capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "problem" in code
        assert done.stdout


def test_a_model_that_gets_nothing_says_why(roots: Roots) -> None:
    """Without an agent the README's model ends with the reason in words."""
    (code,) = [code for code in blocks("python", README) if "ruth.attach(" in code]
    done = subprocess.run([sys.executable, "-c", code], env=roots.environ(), capture_output=True, text=True)
    assert done.stdout.startswith("no frame for 2 seconds: ")
    assert "None" not in done.stdout


def test_comparisons_name_their_sources() -> None:
    """Each row about another program links to that program's own documentation or code."""
    section = README[README.index("## What changes for you") : README.index("## See it")]
    sources = {
        "OpenCV": "docs.opencv.org",
        "Frigate": "frigate",
        "GStreamer": "gstreamer.freedesktop.org",
        "DeepStream": "docs.nvidia.com",
    }
    for name, source in sources.items():
        (row,) = re.findall(rf"^\| {name}.*\|$", section, re.MULTILINE)
        links = re.findall(r"\]\(https://([^/]+/[^)]*)\)", row)
        assert links
        assert all(source in link for link in links), row


def test_shared_memory_demonstration() -> None:
    """The demonstration of why shared_memory is not used prints what its page says of Python 3.11."""
    page = PROJECT / "docs" / "decisions" / "0001-mmap-not-shared-memory.md"
    (code,) = blocks("python", page.read_text(encoding="utf-8"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    survived, access = done.stdout.splitlines()
    assert access == "writable"
    if sys.version_info < (3, 13):
        assert survived == "gone"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links(page: Path) -> None:
    """Every relative link of every page leads to a file."""
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_named_files(page: Path) -> None:
    """Every file of this project that a page names in code style exists."""
    for name in re.findall(r"`((?:ruth|launch|tests|docs)/[\w./-]+\.\w+)`", page.read_text(encoding="utf-8")):
        assert (PROJECT / name).exists(), name
