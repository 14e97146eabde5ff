from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from conftest import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

TESTS = """
import pytest

def test_quick(): pass
def test_wrong(): assert False
def test_skipped(): pytest.skip("strace is missing")
@pytest.mark.long
def test_slow(): pass
@pytest.mark.soak
def test_deep(soaking): assert soaking
"""
MARKERS = "[pytest]\nmarkers =\n    long: x\n    soak: x\n"


def run(folder: Path, *arguments: str) -> str:
    """What pytest prints about these tests, with the fixtures and plugins of the project."""
    (folder / "test_some.py").write_text(TESTS, encoding="utf-8")
    (folder / "pytest.ini").write_text(MARKERS, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "conftest", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT / "tests")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("workers", ["0", "2"])
def test_what_fails_is_named_at_once_and_skips_have_reasons(tmp_path: Path, workers: str) -> None:
    """A failing test is named before the end, and again there; skipped ones are counted by reason."""
    said = run(tmp_path, "-n", workers)
    assert said.count("\nFAILED test_some.py::test_wrong") == 2
    assert said.index("FAILED test_some.py::test_wrong (call, ") < said.index("= FAILURES =")
    assert "\nskipped 1: takes long: --all runs it\n" in said
    assert "\nskipped 1: strace is missing\n" in said


def test_tiers(tmp_path: Path) -> None:
    """--all runs what takes long, too; --soak runs the longer forms and nothing else."""
    assert "2 failed, 2 passed, 1 skipped" in run(tmp_path, "--all")
    assert run(tmp_path, "--soak").splitlines()[-1].startswith("1 passed")
