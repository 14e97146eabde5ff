"""Names from outside are data: no verb lets one move a terminal's cursor or forge a line, in any locale."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import ruth
from conftest import Roots
from harness.agents import MODELS, pid_of, view_agent
from harness.commands import run_ruth
from harness.published import FRAME, exporter_of
from harness.waiting import wait_until
from launch.cli.verbs import VERBS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Processes

NAME: Final = os.fsdecode(b"\x1b]0;X\x07\nfront-door: agent 1 ended\r\xe9\xe2\x80\xae")
"""A title for the terminal, a forged line, a byte that is not UTF-8, a character that turns a line round."""
ENCODINGS = ["utf-8", "ascii", "latin-1"]
DOCUMENTED = (0, 1, 2)
LEFT_OUT = ("vas", "demo")  # tests/isolation/test_vas_hostile.py and their own tests have them


@pytest.fixture(name="hostile", scope="module")
def fixture_hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roots]:
    """Roots in a folder of that name, with a configuration of that name, a live agent and an export."""
    from conftest import open_processes, open_roots

    assert tmp_path_factory
    with open_roots() as outer, open_processes() as processes:
        folder = outer.state.parent / NAME
        folder.mkdir()
        made = Roots(folder / "vas", folder / "ruth")
        (folder / NAME).write_text(f"[cameras.a.models]\n{MODELS}")
        (folder / "bad.toml").write_text('[cameras."\\u001b]0;X\\u0007"]\nnonsense = 1\n[cameras.b')
        exporter = exporter_of(made, "a")
        exporter.publish(FRAME, 1)
        launch(processes, made, folder / NAME)
        yield made
        exporter.close()


def launch(processes: Processes, roots: Roots, config: Path) -> None:
    """The agent of that configuration, launched and bound."""
    processes.ruth("up", config, env=roots.environ())
    pid_of(roots, "a")
    wait_until(lambda: view_agent(roots, "a").frames, "it observes")


def arguments_of(roots: Roots) -> dict[str, list[str]]:
    """Command lines by what they are, each with that name wherever it can be."""
    folder = str(roots.state.parent)
    config = f"{folder}/{NAME}"
    return {
        "up": ["up", config],
        "up -d": ["up", "-d", config],
        "up of a bad file": ["up", f"{folder}/bad.toml"],
        "up of no file": ["up", f"{NAME}.toml"],
        "apply": ["apply", "--dry-run", "-c", config],
        "apply CAMERA": ["apply", NAME, "-c", config],
        "down CAMERA": ["down", NAME],
        "agent": ["agent", NAME, "-c", config],
        "agent of a live one": ["agent", "a", "-c", config],
        "check": ["check", config],
        "check of a bad file": ["check", f"{folder}/bad.toml"],
        "check of a folder": ["check", folder],
        "plan": ["plan", config],
        "plan --json": ["plan", config, "--json"],
        "ps": ["ps", "-c", config],
        "ps --json": ["ps", "--json", "-c", config],
        "top": ["top", "-n", "1", "-c", config],
        "inspect": ["inspect", "a"],
        "inspect --json": ["inspect", "a", "--json"],
        "inspect CAMERA": ["inspect", NAME],
        "follow": ["follow", "a", "--seconds", "0.3"],
        "follow --json": ["follow", "a", "--seconds", "0.3", "--json"],
        "follow --model": ["follow", "a", "--model", NAME],
        "follow CAMERA": ["follow", NAME],
        "peek": ["peek", "a"],
        "peek -o": ["peek", "a", "-o", f"{folder}/{NAME}.png"],
        "peek -o nowhere": ["peek", "a", "-o", f"{folder}/{NAME}/{NAME}/x.png"],
        "peek -o folder": ["peek", "a", "-o", folder],
        "peek CAMERA": ["peek", NAME],
        "doctor": ["doctor", "-c", config],
        "doctor --json": ["doctor", "--json"],
        "completion": ["completion", NAME],
        "help": ["help", NAME],
        "no verb": [NAME],
        "no option": ["ps", f"--{NAME}"],
        "a value": ["top", "--interval", NAME],
        "a choice": ["top", "--sort", NAME],
        "too many": ["doctor", NAME],
    }


COMMANDS = sorted(arguments_of(Roots(Path("/x/vas"), Path("/x/ruth"))))


def test_every_verb_is_tried() -> None:
    """Each verb but those that have tests of their own is in this list."""
    tried = {arguments[0] for arguments in arguments_of(Roots(Path("/x"), Path("/x"))).values()}
    assert {verb.name for verb in VERBS} - set(LEFT_OUT) <= tried


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("command", COMMANDS)
def test_no_name_reaches_a_terminal_raw(hostile: Roots, command: str, encoding: str) -> None:
    """What a verb writes is printable text of the locale, no line of it forged, and it ends as documented."""
    environ = hostile.environ() | {"PYTHONIOENCODING": encoding, "COLUMNS": "10000"}
    done = run_ruth(*arguments_of(hostile)[command], env=environ, cwd="/")
    assert done.returncode in DOCUMENTED
    for output in (done.stdout, done.stderr):
        text = output.decode(encoding)
        assert "Traceback" not in text
        assert all(character.isprintable() or character == "\n" for character in text), ascii(text)
        assert not any(line.startswith("front-door") for line in text.splitlines()), text


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_file_that_is_not_utf8_by_name_is_checked(roots: Roots, encoding: str) -> None:
    """``ruth check`` of a valid file named in Latin-1 succeeds in a narrow locale, its name escaped."""
    config = roots.state.parent / os.fsdecode(b"caf\xe9.toml")
    config.write_text(f"[cameras.a.models]\n{MODELS}")
    done = subprocess.run(
        [sys.executable, "-m", "launch.cli.main", "check", config],
        env=roots.environ() | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"caf\xE9.toml: ok" in done.stdout


def test_a_runtime_is_told_without_raw_names(hostile: Roots, roots: Roots) -> None:
    """``stream.problem`` shows roots escaped, whatever keeps frames from coming."""
    for export, state in (
        (hostile.export, hostile.state),
        (hostile.export / NAME, hostile.state),
        (hostile.export, hostile.state / NAME),
        (roots.export, hostile.state),
    ):
        for model in ("audit", "nobody"):
            with ruth.attach("a", model, export_root=str(export), state_root=str(state)) as stream:
                problem = stream.problem
            assert problem is None or problem.isprintable(), problem
