from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Processes, Roots

EXAMPLES = 400
SOAK_S = 600
GUIDED_S = 5


@pytest.fixture
def files(roots: Roots) -> Path:
    """An empty directory on a tmpfs."""
    roots.export.mkdir(parents=True)
    return roots.export


def mutations(seeds: tuple[bytes, ...], words: tuple[bytes, ...]) -> st.SearchStrategy[bytes]:
    """A seed with pieces cut out and put in."""
    pieces = st.one_of(st.binary(max_size=8), st.sampled_from([b"", *words]))
    edit = st.tuples(st.floats(0, 1), st.integers(0, 16), pieces)

    def edited(seed: bytes, edits: list[tuple[float, int, bytes]], length: int | None) -> bytes:
        for where, cut, piece in edits:
            start = int(where * len(seed))
            seed = seed[:start] + piece + seed[start + (cut or len(piece)) :]
        return seed[:length]

    lengths = st.one_of(st.none(), st.integers(0, 300))
    return st.builds(edited, st.sampled_from(seeds), st.lists(edit, max_size=6), lengths)


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_read_from_outside_does_no_harm(files: Path, name: str) -> None:
    """Valid content with pieces cut out and put in is read, or refused as it should be: nothing escapes."""
    target = TARGETS[name]
    read = target.make(files)
    for seed in target.seeds:
        read(seed)

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.one_of(mutations(target.seeds, target.words), st.binary(max_size=300)))
    def check(content: bytes) -> None:
        read(content)

    check()


@pytest.mark.soak
@pytest.mark.parametrize("name", TARGETS)
def test_guided_by_coverage(
    roots: Roots,
    processes: Processes,
    soaking: bool,
    name: str,
    record_property: Callable[[str, object], None],
) -> None:
    """Atheris finds nothing: in seconds on each target, or in ten minutes in the longer form."""
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is missing: RUTH_EXTRAS=fuzz ./launch/ruth --version")
    roots.export.mkdir(parents=True)
    seconds = SOAK_S if soaking else GUIDED_S
    fuzzing = processes.start(
        sys.executable,
        *("-m", "fuzz", name, roots.export, f"-max_total_time={seconds}", "-print_final_stats=1"),
        cwd=Path(__file__).parent.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    output, _ = fuzzing.communicate(timeout=seconds + 120)
    assert fuzzing.returncode == 0, output[-4000:]
    runs = re.search(r"number_of_executed_units: (\d+)", output)
    assert runs is not None
    print(f"{name}: {runs[1]} runs in {seconds} s")  # noqa: T201 - shown with -rP
    record_property("runs", int(runs[1]))
    assert int(runs[1]) > 100 * seconds
