"""How an agent died, by what is known of it: each row of the table of causes."""

from __future__ import annotations

import signal

import pytest

from launch.observe.death import CAUSES, ENDED, Death, death_of, shown_death
from ruth.agent.state import AgentRecord, Ended

LAUNCHER_PID = 100
RECORD = AgentRecord(
    camera_id="a", pid=101, start_ticks=1, started_ns=1, launcher_pid=LAUNCHER_PID, export_version=0,
    session=0, frame_id=None, timestamp_ns=None, first_frame_id=None, first_timestamp_ns=None, frames=0,
    missed=0, observed_ns=None, export_inode=0, export_epoch=0, confinement=0, arrivals=0, gap_ns=0,
    gap_before_ns=0, configuration=0, ruth_version="1", models=(),
)  # fmt: skip
TERM, KILL, SEGV = map(int, (signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV))
BY_LAUNCHER = Ended(9, TERM, LAUNCHER_PID)
BY_ANOTHER = Ended(9, TERM, 7)
GONE = {"status": None, "zombie": False, "kept_by_launcher": False}
UNTOLD = {"status": None, "zombie": True, "kept_by_launcher": True}


def kept(status: int) -> dict[str, int | bool | None]:
    """A zombie of a launcher that lives, whose exit status may be known."""
    return {"status": status, "zombie": True, "kept_by_launcher": True}


@pytest.mark.parametrize(
    ("ended", "known", "death"),
    [
        (None, kept(KILL), Death("SIGKILL", "killed")),
        (None, kept(int(signal.SIGXCPU)), Death("SIGXCPU", "killed")),
        (None, kept(SEGV | 0x80), Death("SIGSEGV", "crashed")),
        (None, kept(3 << 8), Death("exit 3", "exited")),
        (None, kept(TERM), Death("SIGTERM", "operator")),
        (None, {**kept(TERM), "kept_by_launcher": False}, Death("SIGTERM", "asked")),
        (BY_ANOTHER, kept(TERM), Death("SIGTERM", "operator", 7)),
        (BY_LAUNCHER, kept(TERM), Death("SIGTERM", "launcher", LAUNCHER_PID)),
        (BY_ANOTHER, kept(KILL), Death("SIGKILL", "killed")),
        (BY_ANOTHER, GONE, Death("SIGTERM", "operator", 7)),
        (BY_LAUNCHER, GONE, Death("SIGTERM", "launcher", LAUNCHER_PID)),
        (BY_ANOTHER, UNTOLD, Death("SIGTERM", "operator", 7)),
        (None, UNTOLD, Death(None, "hidden")),
        (None, GONE, Death()),
    ],
)
def test_causes(ended: Ended | None, known: dict[str, bool], death: Death) -> None:
    """The kernel's word comes first, then that of the record; without either nothing is claimed."""
    assert death_of(RECORD._replace(ended=ended), **known) == death
    assert death.cause is None or death.cause in CAUSES


def test_an_agent_started_by_hand_has_no_launcher() -> None:
    """Pid 0 is not a launcher's: a signal of the kernel, as Ctrl-C, is the operator's."""
    record = RECORD._replace(launcher_pid=0, ended=Ended(9, int(signal.SIGINT), 0))
    assert death_of(record, **GONE) == Death("SIGINT", "operator", 0)


def test_what_tables_say() -> None:
    """A death that was meant says by whom, any other what the kernel says."""
    assert {cause: shown_death("SIGTERM", cause) for cause in sorted(ENDED)} == {
        "asked": "SIGTERM", "launcher": "by launcher", "operator": "by operator",
    }  # fmt: skip
    assert shown_death("exit 3", "exited") == "exit 3"
    assert shown_death(None, "hidden") == "ask as root"
    assert shown_death(None, None) is None
