from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from doubles.stepped_agent import CAMERA as STEPPED
from doubles.stepped_agent import MODEL, SteppedAgent
from harness.agents import pid_of, view_agent, wait_observed
from harness.commands import run_ruth_text
from harness.published import FRAME, HEIGHT, WIDTH, exporter_of
from harness.streams import Follower
from harness.waiting import wait_until
from launch.prepare.sizing.host import AGENT_PRIVATE_BYTES
from launch.prepare.sizing.source import Source
from ruth.agent.state import HEADER_SIZE
from ruth.subscription.gate import Decision
from ruth.subscription.subscription import Subscription

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Processes, Roots

CAMERA = "front-door"
CONFIG = f"""
[cameras.{CAMERA}.models]
person = {{ max_fps = 5 }}
better = {{ max_fps = 5.2 }}
ten    = {{ max_fps = 10 }}
plate  = {{ max_fps = 2.5 }}
whole  = {{ max_fps = 25 }}
slow   = {{ max_fps = 0.3 }}
unused = {{ max_fps = 5, active = false }}
audit  = {{}}
"""


def ruth(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs ``ruth`` to its end."""
    return run_ruth_text(*arguments, env=os.environ)


def planned(config: Path, *options: str) -> Any:
    """What ``ruth plan --json`` says."""
    done = ruth("plan", config, "--json", *options)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.fixture
def config(roots: Roots) -> Path:
    """A configuration with caps of every kind, beside the test's roots."""
    path = roots.state.parent / "ruth.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


@pytest.mark.parametrize("jitter_ms", [0, 1, 7])
def test_agents_measure_what_was_planned(
    roots: Roots, processes: Processes, config: Path, jitter_ms: int
) -> None:
    """An agent that ``ruth up`` launched allows, of real frames with those times, what the plan says, to 1 %.

    More than three minutes of frames, each published when the agent has observed the one before it.
    """
    plan = planned(config, "--jitter", str(jitter_ms))
    processes.ruth("up", config, env=roots.environ())
    pid_of(roots, CAMERA)
    exporter = exporter_of(roots, CAMERA)
    first_ns = last_ns = 0
    with Follower(roots, CAMERA) as follower:
        for number, last_ns in enumerate(islice(Source(25, jitter_ms * 1_000_000).timestamps(), 5000)):
            first_ns = first_ns or last_ns
            exporter.publish(FRAME, last_ns)
            follower.wait_for(number)
    exporter.close()
    seen = view_agent(roots, CAMERA)
    assert seen.frames == 5000
    found = {}
    for model in seen.models:
        # All begin with the first frame; the last one allowed ends the last interval.
        elapsed_ns = (model.last_timestamp_ns or first_ns) - first_ns
        found[model.model_id] = (model.allowed - 1) * 1e9 / elapsed_ns if elapsed_ns else 0.0
    assert found == {
        model["model_id"]: pytest.approx(model["fps_each"], rel=0.01) for model in plan["models"]
    }
    assert found["better"] == pytest.approx(5 if jitter_ms < 3 else found["better"], rel=0.01)


# Caps whose interval ends in the middle between two frames of 25 a second: jitter of 8 ms changes nothing.
STEADY = f"""
[cameras.{CAMERA}.models]
third  = {{ max_fps = 10 }}
fifth  = {{ max_fps = 5.55 }}
eighth = {{ max_fps = 3.33 }}
every  = {{}}
"""


@pytest.mark.soak
def test_a_camera_at_its_own_pace_gives_what_was_planned(
    roots: Roots, processes: Processes, config: Path, soaking: bool
) -> None:
    """Of video that FFmpeg decodes in real time, ``ruth inspect`` shows the rates of the plan, to 1 %.

    A frame that the agent misses costs a subscription at most one interval; a plan knows of none.
    """
    config.write_text(STEADY, encoding="utf-8")
    plan = {model["model_id"]: model["fps_each"] for model in planned(config, "--jitter", "5")["models"]}
    processes.ruth("up", config, env=roots.environ())
    processes.ruth("vas", f"{CAMERA}=test:64x48", env=roots.environ())
    frames = 25 * (60 if soaking else 3)
    wait_until(lambda: view_agent(roots, CAMERA).frames > frames, f"{frames} frames", 90 if soaking else 20)

    def rates() -> dict[str, object]:
        command = [sys.executable, "-m", "launch.cli.main", "inspect", CAMERA, "--json"]
        done = subprocess.run(command, env=roots.environ(), capture_output=True, text=True, check=True)
        seen = json.loads(done.stdout)
        return {
            model["model_id"]: (
                model["mean_fps"],
                pytest.approx(plan[model["model_id"]], rel=0.01 + seen["missed"] / (model["allowed"] - 1)),
            )
            for model in seen["models"]
        }

    # A first or last frame that a busy host brought late weighs less with every further frame.
    wait_until(lambda: all(mean == planned for mean, planned in rates().values()), "the rates planned", 60)


def test_memory_is_what_was_planned(roots: Roots, processes: Processes, config: Path) -> None:
    """Export and state take exactly the shared memory that the plan says, and an agent no more of its own."""
    plan = planned(config, "--size", f"{WIDTH}x{HEIGHT}")
    processes.ruth("up", config, env=roots.environ())
    pid_of(roots, CAMERA)
    exporter = exporter_of(roots, CAMERA)
    exporter.publish(FRAME, 1)

    def taken(folder: Path) -> int:
        return sum(file.stat().st_blocks * 512 for file in folder.iterdir())

    wait_observed(roots, CAMERA, 0)
    private_bytes = view_agent(roots, CAMERA).private_bytes
    assert private_bytes is not None
    assert private_bytes <= AGENT_PRIVATE_BYTES
    assert HEADER_SIZE <= taken(roots.state / CAMERA) == plan["state_bytes"]
    assert taken(roots.export / CAMERA) == plan["export_bytes"]
    exporter.close()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--source-fps", "0"),
        ("--source-fps", "nan"),
        ("--source-fps", "many"),
        ("--jitter", "-1"),
        ("--jitter", "nan"),
        ("--size", "1920"),
        ("--size", "1921x1080"),
        ("--size", "0x0"),
        ("--size", "1920x1080x3"),
        ("--hosts", "0"),
        ("--cores", "1.5"),
        ("--memory", "64"),
        ("--memory", "G"),
        ("--memory", ""),
    ],
)
def test_a_wrong_option_is_refused(config: Path, option: str, value: str) -> None:
    """What an option may not be is said with what it may be: exit code 2, and nothing on stdout."""
    done = ruth("plan", config, option, value)
    assert (done.returncode, done.stdout) == (2, "")
    assert "must be" in done.stderr


def test_a_wrong_configuration_is_refused(config: Path) -> None:
    """What ``ruth check`` refuses has no plan: exit code 2, with the line."""
    config.write_text("[cameras.a.models]\nm = { max_fps = -1 }\n", encoding="utf-8")
    done = ruth("plan", config)
    assert (done.returncode, done.stdout) == (2, "")
    assert "line 2" in done.stderr or ":2" in done.stderr


def test_what_is_not_stated_is_assumed(config: Path) -> None:
    """Rate, jitter and size that no option states are named as assumed, with the values that were taken."""
    every = ["--source-fps 25", "--jitter 0", "--size 1920x1080"]
    plan = planned(config)
    assert plan["assumed"] == every
    assert (plan["source_fps"], plan["jitter_ms"], plan["width"], plan["height"]) == (25, 0, 1920, 1080)
    for number, option in enumerate(every):
        stated = planned(config, *option.split())
        assert stated == {**plan, "assumed": every[:number] + every[number + 1 :]}


def test_no_line_is_longer_than_a_terminal(config: Path) -> None:
    """The whole text keeps within 80 characters."""
    done = ruth("plan", config, "--hosts", "10000", "--cores", "32", "--memory", "128G")
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize(("burst", "slots"), [(1, 4), (3, 4), (12, 4), (12, 12), (12, 13), (30, 12)])
@pytest.mark.parametrize("cap", [None, 5.0, 5.2, 10.0])
def test_a_ring_holds_of_a_burst_what_was_planned(
    roots: Roots, cap: float | None, burst: int, slots: int
) -> None:
    """A real agent that looks when all of a burst is in a real ring decides on what the plan counts.

    Of the first burst it takes the newest alone: before that it has decided on none.
    """
    source = Source(25, 1_000_000, burst, slots)
    stamps = list(islice(source.timestamps(), 10 * burst))
    seen = [frame for frame in islice(source.seen(), 10 * min(burst, slots)) if frame[0] >= burst - 1]
    with SteppedAgent(roots, {MODEL: cap}) as agent:
        exporter = exporter_of(roots, STEPPED, slot_count=slots)
        for number, timestamp_ns in enumerate(stamps, 1):
            assert exporter.publish(FRAME, timestamp_ns)
            while number % burst == 0 and agent.step():
                pass
        exporter.close()
    judge = Subscription("plan", "plan", cap).judge
    allowed = [frame for frame in seen if judge(*frame) is Decision.ALLOW]
    subscription = agent.agent.subscriptions[0]
    assert (agent.agent.frames, subscription.allowed) == (len(seen), len(allowed))
    assert (subscription.last_frame_id, subscription.last_timestamp_ns) == allowed[-1]


def test_a_configuration_for_each_host(tmp_path: Path) -> None:
    """--write makes a folder with a file per host, which ``ruth check`` takes; it overwrites nothing."""
    config = tmp_path / "ruth.toml"
    cameras = "".join(f"c{number} = {{}}\n" for number in range(7))
    config.write_text(f"[models]\nperson = {{ max_fps = 5 }}\n[cameras]\n{cameras}", encoding="ascii")
    small = ("--cores", "1", "--memory", "160M", "--write", tmp_path / "hosts")
    done = ruth("plan", config, *small)
    assert done.returncode == 0, done.stderr
    files = sorted((tmp_path / "hosts").iterdir())
    assert len(files) > 1
    assert done.stderr.count("cameras for one host") == len(files)
    assert ruth("check", files[0]).returncode == 0
    again = ruth("plan", config, *small)
    assert again.returncode == 1
    assert "File exists" in again.stderr
