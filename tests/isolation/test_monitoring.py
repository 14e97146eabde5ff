"""The six lines of docs/operations.md that turn ``ruth ps --json`` into node_exporter's text format."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from conftest import PROJECT
from harness.agents import configure, launched, wait_dead, wait_observed
from harness.published import FRAME, exporter_of

if TYPE_CHECKING:
    from conftest import Processes, Roots

# prometheus.io, "Exposition formats": a name, labels, a number; here every sample has labels.
_SAMPLE = re.compile(
    r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)"
    r'\{(?P<labels>[a-z_]+="[^"\\\n]*"(?:,[a-z_]+="[^"\\\n]*")*)\} (?P<value>\d+)'
)


def test_six_lines_for_node_exporter(roots: Roots, processes: Processes) -> None:
    """Each line is a sample, those of one name stand together, none comes twice; numbers are those of ps."""
    page = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
    (code,) = [
        block
        for block in re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
        if "ruth_state" in block
    ]
    assert len(code.splitlines()) == 6
    exporter = exporter_of(roots, "yard")
    pids = launched(roots, processes, "gate", "yard")
    exporter.publish(FRAME, 1)
    wait_observed(roots, "yard", 0)
    os.kill(pids["gate"], signal.SIGKILL)
    wait_dead(roots, "gate")
    config = str(configure(roots, "gate", "yard", "new"))
    ps = subprocess.run(
        [sys.executable, "-m", "launch.cli.main", "ps", "-c", config, "--json"],
        env=roots.environ(), capture_output=True, check=True,
    )  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], input=ps.stdout, capture_output=True, check=True)
    lines = done.stdout.decode("ascii").splitlines()
    samples = [found.groupdict() for found in map(_SAMPLE.fullmatch, lines) if found]
    assert len(samples) == len(lines)
    names = [sample["name"] for sample in samples]
    assert names == sorted(names, key=list(dict.fromkeys(names)).index)
    by_line = {f"{sample['name']}{{{sample['labels']}}}": sample["value"] for sample in samples}
    assert len(by_line) == len(samples)
    assert by_line['ruth_state{camera="gate",state="dead"}'] == "1"
    assert by_line['ruth_state{camera="new",state="absent"}'] == "1"
    assert by_line['ruth_frames_total{camera="yard"}'] == "1"
    assert by_line['ruth_allowed_total{camera="yard",model="audit"}'] == "1"
    exporter.close()
