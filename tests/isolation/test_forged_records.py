"""Records are data: a bad one is refused and named, in each reader, and the other cameras are handled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import ruth
from doubles.forged_states import ESCAPES, FORGERIES, ForgedAgent
from harness.agents import launched, view_agent, wait_dead
from harness.commands import run_ruth
from ruth.agent.state import HEADER_SIZE, ID_SIZE, STATE_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Processes, Roots

BAD, GOOD = "bad", "good"
VERBS = {
    "ps": ["ps"],
    "ps --json": ["ps", "--json"],
    "top --json": ["top", "--json", "-n", "1", "--interval", "0.1"],
    "inspect": ["inspect", BAD],
    "inspect --json": ["inspect", BAD, "--json"],
    "follow": ["follow", BAD, "--seconds", "0.4"],
    "follow --json": ["follow", BAD, "--seconds", "0.4", "--json"],
    "peek": ["peek", BAD],
    "doctor": ["doctor"],
    "down": ["down", BAD],
}
SAYS_SO = ("ps", "ps --json", "top --json", "inspect", "inspect --json", "down")
every_forgery = pytest.mark.parametrize("what", FORGERIES)


def verb(roots: Roots, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    """Runs one verb to its end."""
    return run_ruth(*arguments, env=roots.environ() | {"COLUMNS": "400"})


def printable(output: bytes) -> bool:
    """Whether a terminal that shows it shows it, and does nothing else."""
    return all(character.isprintable() or character == "\n" for character in output.decode())


@pytest.fixture(name="forged")
def fixture_forged(roots: Roots) -> Iterator[ForgedAgent]:
    """The state of camera "bad": its lock is held, its record valid until something is forged."""
    with ForgedAgent(roots, BAD) as agent:
        yield agent


@every_forgery
def test_a_bad_record_is_refused_and_named(roots: Roots, forged: ForgedAgent, what: str) -> None:
    """Each verb says that the state is not used, with no byte of it raw, and ends as documented."""
    forged.forge(FORGERIES[what])
    for name in SAYS_SO if what == "pid 2^31" else ("ps", "down"):
        answer = verb(roots, *VERBS[name])
        assert answer.returncode == 1, name
        assert b"bad: " in answer.stderr, name
        assert b"its state is not used: " in answer.stdout + answer.stderr, name
        assert printable(answer.stdout), name
        assert printable(answer.stderr), name
    view = view_agent(roots, BAD)
    assert (view.state, view.pid, view.models) == ("unknown", None, ())
    assert view.problem is not None
    assert view.problem.isprintable()


@pytest.mark.parametrize("name", VERBS)
def test_no_byte_of_a_record_reaches_a_terminal(roots: Roots, forged: ForgedAgent, name: str) -> None:
    """Whatever verb it is, and ids that move the cursor in every place, what it writes is printable."""
    for start in (HEADER_SIZE, 120):
        forged.forge((start, ESCAPES.encode("latin-1").ljust(ID_SIZE, b"\0")))
    answer = verb(roots, *VERBS[name])
    assert answer.returncode in (0, 1)
    for output in (answer.stdout, answer.stderr):
        assert printable(output)
        assert b"Traceback" not in output


@every_forgery
def test_a_runtime_is_told_in_words(roots: Roots, forged: ForgedAgent, what: str) -> None:
    """``stream.problem`` names what is wrong with the record, and shows none of its bytes."""
    forged.forge(FORGERIES[what])
    with ruth.attach(BAD, "person", export_root=str(roots.export), state_root=str(roots.state)) as stream:
        problem = stream.problem
    assert problem is not None
    assert "is not used: " in problem
    assert problem.isprintable()


@pytest.mark.parametrize("what", ["pid 2^31", "a model id that is a terminal's command", "a later version"])
def test_the_other_cameras_are_handled(
    roots: Roots, processes: Processes, forged: ForgedAgent, what: str
) -> None:
    """Beside a bad record, ps lists and down ends the agents of the others."""
    forged.forge(FORGERIES[what])
    pid = launched(roots, processes, GOOD)[GOOD]
    answer = verb(roots, "ps", "--json")
    states = {camera["camera_id"]: camera["pid"] for camera in json.loads(answer.stdout)}
    assert states == {BAD: None, GOOD: pid}
    answer = verb(roots, "down")
    assert answer.returncode == 1
    assert f"good: agent {pid} ended\n".encode() in answer.stdout
    assert b"ruth: bad: not signalled: " in answer.stderr
    wait_dead(roots, GOOD)


@pytest.mark.parametrize("what", FORGERIES)
def test_a_bad_record_of_a_dead_agent_hinders_nothing(
    roots: Roots, processes: Processes, forged: ForgedAgent, what: str
) -> None:
    """What a dead agent left, or a stranger, is overwritten by the next launch of that camera."""
    forged.forge(FORGERIES[what])
    forged.close()
    assert view_agent(roots, BAD).state == "unknown"
    if what == "pid 2^31":  # each forgery is refused alike; one launch shows what follows
        pid = launched(roots, processes, BAD)[BAD]
        assert view_agent(roots, BAD).pid == pid


def test_which_side_is_older_is_said(roots: Roots, forged: ForgedAgent) -> None:
    """A record of a later version: this ruth is to be updated."""
    forged.forge(FORGERIES["a later version"])
    answer = verb(roots, "ps")
    older = f"state version {STATE_VERSION + 1}, this ruth reads {STATE_VERSION}: update it"
    assert older.encode() in answer.stderr


# --- who may be signalled -----------------------------------------------------------------------------------


def test_a_process_that_a_record_names_is_not_signalled(roots: Roots, processes: Processes) -> None:
    """A process that only has the state open, as a model runtime has, is not ended, nor its kill advised."""
    claimed = ForgedAgent(roots, BAD)
    claimed.close()
    program = "import sys; kept = open(sys.argv[1], 'rb'); print(1, flush=True); sys.stdin.read()"
    bystander = processes.start(
        *(sys.executable, "-c", program, roots.state / BAD / "agent.state"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert bystander.stdout is not None
    assert bystander.stdout.readline() == b"1\n"
    with ForgedAgent(roots, BAD, bystander.pid):
        assert (
            view_agent(roots, BAD).pid == bystander.pid
        )  # what the record says, and nothing speaks against it
        answer = verb(roots, "down")
        assert answer.returncode == 1
        assert b"does not hold its lock" in answer.stderr
        assert b"kill -9" not in answer.stderr
        assert bystander.poll() is None


def test_who_holds_the_lock_is_signalled(roots: Roots, processes: Processes) -> None:
    """The agent itself is, and a read lock of its record that another process holds changes nothing."""
    pid = launched(roots, processes, GOOD)[GOOD]
    answer = verb(roots, "down", GOOD)
    assert (answer.returncode, answer.stdout) == (0, f"good: agent {pid} ended\n".encode())


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user, so root")
def test_a_record_of_another_owner_is_refused(roots: Roots, processes: Processes) -> None:
    """A file that belongs to one user and names a process of another's is not that process's record."""
    bystander = processes.start("sleep", "60")
    with ForgedAgent(roots, BAD, bystander.pid):
        os.chown(roots.state / BAD / "agent.state", 12345, 12345)
        view = view_agent(roots, BAD)
        assert view.problem is not None
        assert f"belongs to uid 12345 and names process {bystander.pid}, which is uid 0's" in view.problem
        assert verb(roots, "down").returncode == 1
        assert bystander.poll() is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user, so root")
def test_a_state_that_may_not_be_read_is_said_to_be_so(roots: Roots, processes: Processes) -> None:
    """To another user who may not read it, a live agent's state is not "absent"."""
    launched(roots, processes, GOOD)
    state = roots.state / GOOD / "agent.state"
    state.chmod(0o600)
    for folder in (roots.state.parent, roots.state, roots.state / GOOD):
        folder.chmod(0o755)
    other_user = ("setpriv", "--reuid=12345", "--regid=12345", "--clear-groups")
    asked = subprocess.run(
        [*other_user, sys.executable, "-m", "launch.cli.main", "inspect", GOOD],
        env=roots.environ(),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert asked.returncode == 1
    assert "may not be read by you" in asked.stdout
    assert "absent" not in asked.stdout
