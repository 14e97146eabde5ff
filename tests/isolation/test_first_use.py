"""``launch/ruth`` makes its environment once, a process that calls it meanwhile."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from conftest import PROJECT
from harness.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Processes

# An interpreter for which an installation takes until it is released on, and that counts them.
PYTHON: Final = """#!/bin/sh
for last; do :; done
case "$*" in
--version) echo Python 3.11 ;;
"-m venv "*) mkdir -p "$last/bin" && cp "$0" "$last/bin/python" ;;
*"pip install "*)
    echo once >>"$HOST/installs"
    until [ -e "$HOST/go" ]; do sleep 0.01; done
    printf '#!/bin/sh\\necho "ran $1"\\n' >"${0%/*}/ruth" && chmod +x "${0%/*}/ruth"
    ;;
esac
"""


@pytest.mark.skipif(shutil.which("flock") is None, reason="no flock(1), and so no lock")
def test_two_first_uses_at_once(processes: Processes, tmp_path: Path) -> None:
    """The second waits for the first and says so, installs nothing, and runs what was installed."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    shutil.copy(PROJECT / "pyproject.toml", checkout)
    for folder in ("launch", "ruth"):
        shutil.copytree(
            PROJECT / folder, checkout / folder, ignore=shutil.ignore_patterns("*.so", "__pycache__")
        )
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    environ = {**os.environ, "RUTH_PYTHON": str(python), "HOST": str(tmp_path)}

    def use(number: int) -> subprocess.Popen[bytes]:
        with (tmp_path / f"said-{number}").open("wb") as said:
            return processes.start(
                checkout / "launch" / "ruth", str(number), env=environ, stdout=subprocess.PIPE, stderr=said
            )

    first = use(1)
    wait_until((tmp_path / "installs").exists, "the first installs")
    second = use(2)
    wait_until(lambda: b"waiting for it" in (tmp_path / "said-2").read_bytes(), "the second waits")
    (tmp_path / "go").touch()
    for number, user in ((1, first), (2, second)):
        out, _ = user.communicate(timeout=30)
        assert (user.returncode, out) == (0, f"ran {number}\n".encode())
    assert (tmp_path / "installs").read_text() == "once\n"
