"""The object code: which barriers and ordered accesses compilers make of what is written in C11 atomics."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from launch.agent.native.build import OPTIONS
from launch.agent.native.source import whole_source as agent_source
from ruth.native.source import whole_source as libruth_source

if TYPE_CHECKING:
    from pathlib import Path

ARM = "aarch64-linux-gnu-"
SOURCES = {"agent": agent_source, "libruth": lambda: libruth_source().encode()}

# Release fence: dmb ish. Acquire fence: dmb ishld. Release store: stlr. Acquire load: ldar.
PUBLISHING_AND_READING = {
    # libruth: the ring
    "ruth_ring_begin": ["dmb ish"],  # step 1, then the fence
    "ruth_ring_commit": ["stlr", "dmb ish", "stlr", "stlr"],  # steps 4, 5, 7, 8
    "ruth_ring_close": ["stlr", "stlr"],  # flags, wake
    "take_record": ["ldar", "dmb ishld"],  # sequence; fields before the sequence again
    "ruth_ring_newest": ["ldar"],  # wake and flags; then take_record
    "ruth_ring_still": ["dmb ishld"],  # pixels before the sequence again
    "ruth_pread": ["dmb ishld", "pread", "dmb ishld"],
    # agents: their record, and the ring by preads
    "write_frame": ["dmb ish"],  # after the odd sequence; then end_change
    "end_change": ["stlr", "stlr", "pwrite"],  # even, wake; what file watches see
    "read_ring": ["pread", "dmb ishld"] * 3,
}
ORDERED = re.compile(
    r"^\s+[0-9a-f]+:\s+(?:(dmb)\s+(\w+)|(stlr|ldar|ldapr)\b|bl?\s+\S+ <(pread|pwrite)(?:64)?>)"
)
BARRIER_OF_X86 = r"^\s+[0-9a-f]+:\s+(?:mfence|lfence|sfence|lock|xchg)\b(?!\s+%ax,%ax).*"
FUNCTION = re.compile(r"^[0-9a-f]+ <(\w+)(?:\.\w+)*>:")


def listing(folder: Path, source: bytes, prefix: str = "") -> str:
    """The instructions of one library, as it is compiled; skips where there is no such compiler."""
    if shutil.which(f"{prefix}gcc") is None:
        pytest.skip(f"{prefix}gcc is not installed (apt install gcc-aarch64-linux-gnu)")
    made = str(folder / "object.o")
    options = [option for option in OPTIONS if option != "-shared"]
    command = [f"{prefix}gcc", *options, "-c", "-DSIGNATURE=0u", "-x", "c", "-", "-o", made]
    subprocess.run(command, input=source, check=True)
    command = [f"{prefix}objdump", "-d", "--no-show-raw-insn", made]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def ordered(code: str) -> dict[str, list[str]]:
    """By function, what orders memory, and calls that read or write a file, in the code's order."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in code.splitlines():
        if start := FUNCTION.match(line):
            name = start[1]
            found[name] = []
        elif match := ORDERED.match(line):
            found[name].append(" ".join(filter(None, match.groups())))
    return found


@pytest.fixture(scope="module", name="code")
def fixture_code(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Both libraries, for 64-bit Arm."""
    folder, found = tmp_path_factory.mktemp("arm"), {}
    for source in SOURCES.values():
        found |= ordered(listing(folder, source(), ARM))
    return found


@pytest.mark.parametrize("name", PUBLISHING_AND_READING)
def test_what_publishes_and_reads_has_its_barriers_on_arm(code: dict[str, list[str]], name: str) -> None:
    """Each fence, release and acquire of the protocol is an instruction, in its place, and no other."""
    assert code[name] == PUBLISHING_AND_READING[name]


def test_a_fence_that_is_left_out_is_missed(tmp_path: Path) -> None:
    """Without the fences of the source, the listing has none: it is read from the code, not from hope."""
    source = agent_source().replace(b"atomic_thread_fence(memory_order_", b"(void)(memory_order_")
    found = ordered(listing(tmp_path, source, ARM))
    assert found["read_ring"] == ["pread"] * 3
    assert "dmb ish" not in found["write_frame"]


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="what it costs on x86-64")
@pytest.mark.parametrize("name", SOURCES)
def test_order_costs_nothing_on_x86(tmp_path: Path, name: str) -> None:
    """No barrier and no locked instruction: there the same source is plain loads and stores."""
    code = listing(tmp_path, SOURCES[name]())
    assert "ret" in code
    assert re.findall(BARRIER_OF_X86, code, re.MULTILINE) == []
