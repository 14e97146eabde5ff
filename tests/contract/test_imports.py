from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from conftest import PROJECT
from launch.cli.verbs import VERBS

if TYPE_CHECKING:
    from conftest import Roots

# What is imported shows in sys.modules, whichever module imported it: only a process of its own can tell.
PRINT_MODULES = "\nimport sys\nprint(*sys.modules)\n"


def loaded_by(code: str, roots: Roots | None = None, flag: str | None = None) -> set[str]:
    """The modules that a new process has loaded after running some code."""
    done = subprocess.run(
        [sys.executable, "-c", code + PRINT_MODULES],
        env=os.environ if roots is None else roots.environ(flag=flag),
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


@pytest.fixture(scope="module")
def bare() -> set[str]:
    """What any process of this Python loads before it runs anything; no module of ours imports that."""
    return loaded_by("")


def test_python_alone_loads_nothing_of_it(bare: set[str]) -> None:
    """What these tests look for is not there to begin with."""
    assert bare.isdisjoint({"numpy", "psutil", "mmap", "ctypes", "argparse", "threading", "ruth", "launch"})


def test_ruth_itself_is_next_to_nothing(bare: set[str]) -> None:
    """``import ruth`` loads neither what writes an export nor what maps memory."""
    loaded = loaded_by("import ruth") - bare
    assert "ruth" in loaded
    assert loaded.isdisjoint({"ruth.vas", "ruth.runtime", "numpy", "mmap", "ctypes"})


def test_attach_loads_what_a_runtime_needs_and_no_more(roots: Roots, bare: set[str]) -> None:
    """Numpy is loaded when attach is first asked for; asyncio and what writes an export are not even then."""
    loaded = loaded_by("import ruth\nruth.attach('a', 'b').close()", roots) - bare
    assert {"numpy", "mmap", "ctypes", "ruth.runtime.stream"} <= loaded
    assert loaded.isdisjoint({"asyncio", "psutil", "launch", "ruth.vas"})


@pytest.mark.parametrize(
    ("module", "never"),
    [
        (
            "ruth.subscription.gate",
            {"time", "ctypes", "mmap", "numpy", "ruth.export", "ruth.agent"},
        ),
        ("ruth.export.layout", {"time", "ctypes", "mmap", "numpy", "ruth.subscription", "ruth.identity"}),
        ("ruth.agent.agent", {"ctypes", "mmap", "numpy", "ruth.export", "ruth.futex"}),
        ("ruth.core", {"ctypes", "mmap", "numpy", "ruth.export", "ruth.futex"}),
        ("ruth.vas.exporter", {"ctypes", "mmap", "numpy", "ruth.vas.ring", "ruth.vas.files", "ruth.export"}),
        ("ruth.vas.ring", {"numpy", "ruth.subscription", "ruth.agent"}),
        ("ruth.export.source", {"numpy", "ruth.subscription", "ruth.agent", "ruth.vas"}),
        ("launch.agent.process", {"numpy", "psutil", "argparse", "tomllib", "ruth.vas"}),
        (
            "launch.launcher.launcher",
            {"numpy", "psutil", "argparse", "tomllib", "subprocess", "threading", "ruth.vas"},
        ),
    ],
)
def test_a_module_loads_only_what_it_needs(bare: set[str], module: str, never: set[str]) -> None:
    """Nothing that a module must not know is loaded by importing it, by whatever detour."""
    loaded = loaded_by(f"import {module}") - bare
    assert module in loaded
    assert sorted(loaded & never) == []


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS])
def test_a_verb_loads_no_other(bare: set[str], verb: str) -> None:
    """To parse one verb loads its module alone, and none of what it needs only when it runs."""
    loaded = loaded_by(f"from launch.cli.main import parser_of\nparser_of([{verb!r}])") - bare
    assert {name for name in loaded if name.startswith("launch.cli.commands.")} == {
        f"launch.cli.commands.{verb}"
    }
    assert loaded.isdisjoint(
        {"numpy", "psutil", "tomllib", "ctypes", "subprocess", "threading", "launch.launcher.launcher"}
    )


def test_a_launcher_loads_only_what_it_needs(bare: set[str]) -> None:
    """What ``ruth up`` loads to launch, which every agent then holds, is nothing of any other verb."""
    loaded = (
        loaded_by("from launch.cli.main import parser_of\nparser_of(['up'])\nimport launch.launcher.launcher")
        - bare
    )
    assert loaded.isdisjoint({"numpy", "psutil", "json", "subprocess", "threading", "curses", "ruth.vas"})
    assert loaded.isdisjoint({"launch.observe.agent_view", "launch.launcher.down", "launch.screen.table"})


def test_reading_headers_loads_no_numpy(roots: Roots, bare: set[str]) -> None:
    """An agent that finds, binds and loses exports never loads numpy: it would be in every process."""
    code = f"""
from ruth.export.source import ExportSource
from ruth.vas.ring import FrameRing
for found in range(2):
    ring = FrameRing({str(roots.export / "front-door")!r}, 16, 8, 16, 2)
    ring.begin_frame()
    ring.commit(1)
    with ExportSource({str(roots.export)!r}, "front-door") as source:
        assert type(source.try_read()).__name__ == "Fresh"
        assert type(source.try_read()).__name__ == "Unchanged"
        ring.close()
        assert type(source.try_read()).__name__ == "Absent"
"""
    assert "numpy" not in loaded_by(code, roots) - bare


@pytest.mark.parametrize("flag", [None, "", "false", "no", "2"])
def test_with_the_flag_off_nothing_is_loaded(roots: Roots, bare: set[str], flag: str | None) -> None:
    """Flag off: exporting loads nothing beyond the modules that ask for the flag."""
    code = """
from ruth.vas.exporter import open_exporter
exporter = open_exporter("front-door", 1920, 1080)
assert not exporter.enabled and not exporter.publish(b"", 1)
exporter.close()
"""
    ours = {name for name in loaded_by(code, roots, flag) - bare if name.startswith("ruth")}
    assert ours == {
        "ruth",
        "ruth.errors",
        "ruth.identity",
        "ruth.vas",
        "ruth.vas.exporter",
        "ruth.vas.null_exporter",
        "ruth.vas.flag",
        "ruth.vas.message",
        "ruth.version",
    }
    assert not roots.export.exists()


def test_with_the_flag_on_the_ring_is_loaded(roots: Roots, bare: set[str]) -> None:
    """Flag on: the very call that makes an export loads what maps memory, and still no numpy."""
    code = """
from ruth.vas.exporter import open_exporter
exporter = open_exporter("front-door", 16, 8)
assert exporter.enabled
exporter.close()
"""
    loaded = loaded_by(code, roots, "true") - bare
    assert {"ruth.vas.ring", "ruth.vas.files", "mmap"} <= loaded
    assert "numpy" not in loaded
