"""What is compiled, checked as such: by the compiler's analyzer, and by running it under sanitizers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from conftest import PROJECT
from launch.agent.native.build import compile_library, compiler
from launch.agent.native.source import whole_source

HERE: Final = Path(__file__).parent
WARNINGS: Final = ("-Wall", "-Wextra", "-Werror")
SANITIZED: Final = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g")
OPTIONS_VARIABLE: Final = "RUTH_TEST_NATIVE_OPTIONS"  # read by conftest.py
STEPS: Final = ("test_steps.py", "test_steps_ring.py", "test_steps_renamed.py")
SPOILED: Final = b"""
#include <stdlib.h>
int spoiled(int at) {
    volatile int *memory = malloc(4 * sizeof(int));
    if (memory == NULL) return 0;
    memory[at] = 1;
    free((void *)memory);
    free((void *)memory);
    return 1;
}
"""


def gcc() -> str:
    """The compiler, which must be gcc for these."""
    command = compiler()
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True).stdout
    if "Free Software Foundation" not in version:
        pytest.skip("the compiler is not gcc")
    return command[0]


@pytest.mark.long
def test_the_analyzer_has_nothing_to_say(tmp_path: Path) -> None:
    """No path through it leaks, frees twice, or reads what was not set."""
    gcc()
    problem = compile_library(
        whole_source(), str(tmp_path / "native.so"), "-DSIGNATURE=0u", "-fanalyzer", *WARNINGS
    )
    assert problem is None


@pytest.mark.long
def test_the_analyzer_would_have_something_to_say(tmp_path: Path) -> None:
    """Memory that is freed twice is found: the check above can fail."""
    gcc()
    problem = compile_library(SPOILED, str(tmp_path / "spoiled.so"), "-fanalyzer", *WARNINGS)
    assert problem is not None
    assert "analyzer-double-free" in problem


def sanitized(tmp_path: Path) -> dict[str, str]:
    """What a process needs whose libraries are compiled so."""
    runtime = subprocess.run(
        [gcc(), "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    )
    if not Path(runtime.stdout.strip()).is_absolute():
        pytest.skip("gcc has no AddressSanitizer here")
    return {
        **os.environ,
        "LD_PRELOAD": runtime.stdout.strip(),
        "ASAN_OPTIONS": f"detect_leaks=0:log_path={tmp_path / 'found'}",
        OPTIONS_VARIABLE: " ".join(SANITIZED),
    }


@pytest.mark.long
def test_the_twin_tests_under_sanitizers(tmp_path: Path) -> None:
    """Whatever a camera does, C reads and writes only what is its own, and computes nothing undefined."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
            *(HERE / name for name in STEPS),
        ],
        env=sanitized(tmp_path),
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    found = [path.read_text(errors="replace") for path in tmp_path.glob("found*")]
    assert (done.returncode, found) == (0, []), done.stdout[-3000:]


@pytest.mark.long
def test_a_store_outside_would_be_found(tmp_path: Path) -> None:
    """One that is planted ends its process: the check above can fail."""
    environ = sanitized(tmp_path)
    library = str(tmp_path / "spoiled.so")
    assert compile_library(SPOILED, library, *SANITIZED) is None
    program = f"import ctypes; ctypes.CDLL({library!r}).spoiled(5)"
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, check=False)
    assert done.returncode != 0
    said = [done.stderr, *(path.read_bytes() for path in tmp_path.glob("found*"))]
    assert any(b"heap-buffer-overflow" in text or b"insufficient space" in text for text in said)
