"""What is below the state root may be another user's work: no link is followed, no such folder used."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from conftest import Roots
from harness.agents import configure, pid_of, view_agent
from harness.commands import run_ruth_text
from launch.launcher.claim import claim
from ruth.agent.state import STATE_SIZE

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Processes

pytestmark = pytest.mark.usefixtures("processes")  # which ends detached launchers, too
STRANGER = 12345
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user, so root")


def verb(roots: Roots, *arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs one verb to its end."""
    return run_ruth_text(*arguments, env=roots.environ() | environ)


def strangers_root(roots: Roots) -> None:
    """The state root was made by another user before the first launch."""
    roots.state.mkdir()
    os.chown(roots.state, STRANGER, STRANGER)


def strangers_folder(roots: Roots) -> None:
    """A camera's folder was."""
    (roots.state / "a").mkdir(parents=True)
    os.chown(roots.state / "a", STRANGER, STRANGER)


def strangers_file(roots: Roots) -> None:
    """A camera's state file is another user's, of the right size."""
    (roots.state / "a").mkdir(parents=True)
    state = roots.state / "a" / "agent.state"
    state.write_bytes(bytes(STATE_SIZE))
    state.chmod(0o666)
    os.chown(state, STRANGER, STRANGER)


def linked_root(roots: Roots) -> None:
    """The state root is a link to a folder elsewhere."""
    (roots.state.parent / "elsewhere").mkdir(mode=0o700)
    roots.state.symlink_to(roots.state.parent / "elsewhere")


def linked_folder(roots: Roots) -> None:
    """A camera's folder is a link to one elsewhere."""
    (roots.state.parent / "elsewhere").mkdir(mode=0o700)
    roots.state.mkdir()
    (roots.state / "a").symlink_to(roots.state.parent / "elsewhere")


PLANTED = {
    "a root of another user": (strangers_root, "belongs to uid 12345", "state root"),
    "a root that is a link": (linked_root, "is a symbolic link", "state root"),
    "a folder of another user": (strangers_folder, "belongs to uid 12345", "states"),
    "a folder that is a link": (linked_folder, "is a symbolic link", "states"),
    "a file of another user": (strangers_file, "belongs to uid 12345", "states"),
}


@needs_root
@pytest.mark.parametrize("native", ["on", "off"])
@pytest.mark.parametrize("what", PLANTED)
def test_what_another_user_planted_is_refused(roots: Roots, what: str, native: str) -> None:
    """Up launches nothing there and says why, exit 1; what a link leads to keeps its mode and content."""
    plant, said, _ = PLANTED[what]
    plant(roots)
    answer = verb(roots, "up", "-d", configure(roots, "a"), RUTH_NATIVE=native)
    assert answer.returncode == 1
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr
    assert view_agent(roots, "a").pid is None
    elsewhere = roots.state.parent / "elsewhere"
    if elsewhere.exists():
        assert elsewhere.stat().st_mode & 0o777 == 0o700
        assert list(elsewhere.iterdir()) == []


@needs_root
@pytest.mark.parametrize("what", PLANTED)
def test_doctor_names_it(roots: Roots, what: str) -> None:
    """Doctor fails the check that it belongs to, and says what up would say."""
    plant, said, check = PLANTED[what]
    plant(roots)
    answer = verb(roots, "doctor", "-c", configure(roots, "a"))
    assert answer.returncode == 1
    (line,) = [line for line in answer.stdout.splitlines() if line.startswith(f"fail  {check} ")]
    assert said in line


@needs_root
def test_a_folder_of_root_is_used_by_others(roots: Roots) -> None:
    """A root that the superuser made, for a user who may write there, is that user's to launch in."""
    roots.state.mkdir()
    roots.state.chmod(0o777)
    roots.state.parent.chmod(0o755)
    program = (
        "import os, sys; from launch.launcher.claim import claim;"
        "os.setgid(12345); os.setuid(12345); claim(sys.argv[1], 'a', 1)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, roots.state], capture_output=True, text=True, timeout=30
    )
    assert done.stderr == ""
    assert (roots.state / "a" / "agent.state").stat().st_uid == STRANGER


def test_a_second_name_of_a_state_is_refused(roots: Roots) -> None:
    """A state file that is another file by a hard link is not written to."""
    (roots.state / "a").mkdir(parents=True)
    victim = roots.state.parent / "victim"
    victim.write_bytes(b"precious")
    os.link(victim, roots.state / "a" / "agent.state")
    with pytest.raises(OSError, match="another name"):
        claim(str(roots.state), "a", 1)
    assert victim.read_bytes() == b"precious"


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o000])
def test_modes_do_not_depend_on_the_umask(roots: Roots, umask: int) -> None:
    """Folders that a launch makes are 0755 and the state 0644, so that runtimes of other users can read."""
    deep = roots.state / "some" / "where"
    before = os.umask(umask)
    try:
        os.close(claim(str(deep), "a", 1))
    finally:
        os.umask(before)
    for folder in (roots.state, roots.state / "some", deep, deep / "a"):
        assert folder.stat().st_mode & 0o777 == 0o755
    assert (deep / "a" / "agent.state").stat().st_mode & 0o777 == 0o644


def test_what_stands_keeps_its_mode(roots: Roots) -> None:
    """A folder that was there before keeps the mode that its owner gave it."""
    roots.state.mkdir(mode=0o700)
    os.close(claim(f"{roots.state}/", "a", 1))
    assert roots.state.stat().st_mode & 0o777 == 0o700


def test_a_root_below_links_is_used(roots: Roots, processes: Processes) -> None:
    """Links above the root are the host's own, as /var/run is: they are followed."""
    real = roots.state.parent / "real"
    real.mkdir()
    (roots.state.parent / "linked").symlink_to(real)
    state = roots.state.parent / "linked" / "ruth"
    processes.ruth("up", configure(roots, "a"), env=roots.environ() | {"RUTH_STATE_ROOT": str(state)})
    assert pid_of(Roots(roots.export, state), "a")
