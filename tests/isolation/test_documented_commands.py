"""Every command that a page shows is typed into a shell here, beside a camera and an agent that run.

What cannot be, because it changes the host or needs what is not here, is listed with its reason.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from conftest import PROJECT, Processes, Roots, open_processes, open_roots
from harness.agents import pid_of, record, view_agent, wait_dead
from harness.documented_commands import PAGES, commands_in, forms_of
from harness.published import Feed, exporter_of
from harness.waiting import within

if TYPE_CHECKING:
    from collections.abc import Iterator

CAMERA = "front-door"
_BEFORE = r"^(?:\w+=\S+ )*(?:\./launch/)?"  # what may be before ``ruth``
DEADLINE_S = 60.0

# Why a command of a page is not run here.
NOT_RUN = {
    "./tests/run": "is what runs this",
    "./launch/ruth demo": "takes half a minute: isolation/test_demo.py",
    "ruth demo": "the same",
    "ruth demo --cameras 2 --seconds 1 --source test --json": "the same",
    "python3 -m venv /opt/ruth": "what it makes, isolation/test_wheel.py makes elsewhere",
    "python3 -m pip wheel --no-deps .": "the same",
    "/opt/ruth/bin/pip install ruth-0.1.0-*.whl": "the same",
    "ln -s /opt/ruth/bin/ruth /usr/local/bin/ruth": "changes the host, needs root",
    "pipx install": "wants the package index",
    "useradd --system --no-create-home --shell /usr/sbin/nologin ruth": "changes the host, needs root",
    "cp /opt/ruth/lib/systemd/system/ruth*.service /etc/systemd/system/": "changes the host, needs root",
    "mount -o remount,size=48G /dev/shm": "changes the host, needs root",
    "sudo -u ruth ruth doctor -c /etc/ruth/ruth.toml": "wants that user; as another one it is run",
    "cp /opt/ruth/share/ruth/60-ruth-tmpfiles.conf /etc/tmpfiles.d/": "changes the host, needs root",
    "systemctl reload ruth": "requires systemd as process 1: isolation/test_systemd.py",
    "docker compose -f launch/deploy/compose.yaml up -d": "requires docker: test_container.py",
    "systemctl daemon-reload": "wants systemd as process 1: isolation/test_systemd.py",
    "systemctl enable --now ruth": "the same",
    "systemctl start ruth": "the same",
    "systemctl stop ruth": "the same",
    "systemctl restart ruth": "the same",
    "systemctl edit ruth": "the same",
    "systemctl start ruth@loading-dock": "the same",
    "docker compose -f launch/deploy/compose.yaml exec ruth ruth ps": "requires docker: test_container.py",
    "ruth completion fish | source": "requires fish: isolation/test_completion_fish.py",
    "source <(ruth completion zsh)": "wants zsh and compinit: isolation/test_completion.py",
}  # fmt: skip


class Stays(NamedTuple):
    """A command that goes on until it is told to end: what it says, what ends it, its exit code then."""

    says: str
    ended_by: signal.Signals = signal.SIGINT
    code: int = 0


# By how the command begins, without a path or variables; the first that fits.
STAYS = {
    r"ruth up(?! .*-d)": Stays(f"{CAMERA}: agent "),
    r"ruth agent ": Stays("in the foreground", code=-signal.SIGINT),
    r"ruth vas (?!.*--once)": Stays(" from test", signal.SIGTERM),
    r"ruth top$": Stays('"cameras"', code=130),
    r"ruth follow (?!.*--seconds)": Stays("person", code=130),
    r"\.venv/bin/python docs/examples/motion.py ": Stays("% moves", code=130),
}
# What a command that ends must have printed; of all others, anything.
PRINTS = {
    "check": "ok, cameras: 1, subscriptions: 3|front-door +<=5",
    "completion": "_ruth",
    "doctor": "confinement",
    "down": f"{CAMERA}: agent .* ended",
    "follow": '"event": "frame"',
    "inspect": "frame.meta",
    "peek": f"{CAMERA}: 64x48, frame ",
    "plan": "person",
    "ps": rf"{CAMERA}|\A\[\]|cameras: \d|ruth ps --json",  # with --check, only what does not run
    "top": '"cameras"',
    "up": f"{CAMERA}: agent ",
    "vas": '"published"',
}


def shown() -> dict[str, set[str]]:
    """What one would type of what pages show, and on which pages it is."""
    found: dict[str, set[str]] = {}
    for page in PAGES:
        for command in commands_in(page.read_text(encoding="utf-8")):
            for form in forms_of(command):
                found.setdefault(form, set()).add(str(page.relative_to(PROJECT)))
    return found


SHOWN = shown()


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a reader sits: a folder with the README's ruth.toml, a camera that is fed, and its agent."""

    folder: Path
    roots: Roots
    processes: Processes

    @property
    def environ(self) -> dict[str, str]:
        """Of the reader's shell: nothing of his own account, and nothing but his own roots."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {**self.roots.environ(flag=None), "HOME": str(self.folder), "PATH": path}

    def line(self, command: str) -> str:
        """The command as it is typed here: files that lie elsewhere, and pids that are other ones."""
        launcher = re.sub(r"\b6526\b", str(record(self.roots, CAMERA).launcher_pid), command)
        if command == "kill -CONT":
            return f"kill -CONT {pid_of(self.roots, CAMERA)}"
        return launcher.replace("/etc/ruth/", f"{self.folder}/etc/ruth/")

    def launch(self) -> None:
        """Sees to it that the agent lives."""
        if view_agent(self.roots, CAMERA).pid is None:
            subprocess.run(["ruth", "up", "-d", "ruth.toml"], cwd=self.folder, env=self.environ, check=True)
            pid_of(self.roots, CAMERA)

    def start(self, command: str, **environ: str) -> subprocess.Popen[str]:
        """Types a command; what it says on both its outputs comes through one pipe."""
        process: subprocess.Popen[str] = self.processes.start(
            "bash", "-c", command, cwd=self.folder, env={**self.environ, **environ},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        return process


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One for all commands, as readers have it; gone afterwards, with all that they have started."""
    folder = tmp_path_factory.mktemp("desk")
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"```toml\n(.*?)```", readme, re.DOTALL)
    assert found is not None
    (folder / "etc" / "ruth").mkdir(parents=True)
    for path in (folder / "ruth.toml", folder / "etc" / "ruth" / "ruth.toml"):
        path.write_text(found[1], encoding="utf-8")
    sources = folder / "sources.toml"
    sources.write_text('yard = "test"\n', encoding="utf-8")
    sources.chmod(0o600)
    for name in ("launch", "docs", ".venv"):
        (folder / name).symlink_to(PROJECT / name)
    with open_roots() as roots, open_processes() as processes:
        exporter = exporter_of(roots, CAMERA)
        with Feed({CAMERA: exporter}):
            yield Desk(folder, roots, processes)
        exporter.close()


def stays(command: str) -> Stays | None:
    """How a command that does not end by itself goes, or None."""
    bare = re.sub(_BEFORE, "", command)
    return next((how for begins, how in STAYS.items() if re.match(begins, bare)), None)


@pytest.mark.parametrize("command", sorted(set(SHOWN) - set(NOT_RUN)))
def test_a_command(desk: Desk, command: str) -> None:
    """The command does its work beside a camera that is fed: it prints what it is for, and ends with 0.

    One that stays does so until a signal ends it, with the code that its page gives.
    """
    desk.launch()
    line = desk.line(command)
    if re.search(r"ruth (up|agent)\b", command):  # they leave a camera alone that has an agent
        subprocess.run(["ruth", "down"], cwd=desk.folder, env=desk.environ, check=True, capture_output=True)
        wait_dead(desk.roots, CAMERA)
    if "--write" in command:  # it overwrites nothing
        shutil.rmtree(desk.folder / "recordings", ignore_errors=True)
    # A camera's export is written by one server: another one has a place of its own.
    own = {"VAS_EXPORT_ROOT": f"{desk.roots.export}-own"} if "ruth vas" in command else {}
    process = desk.start(line, **own)
    assert process.stdout is not None
    how = stays(command)
    with within(DEADLINE_S):
        if how is None:
            said, code = process.stdout.read(), 0
            verb = re.match(rf"{_BEFORE}ruth ([a-z]+)", command)
            assert re.search(PRINTS.get(verb[1] if verb else "", ""), said), said
            assert said or command.startswith(("source", "kill"))
        else:
            code, said = how.code, ""
            while how.says not in said:
                part = process.stdout.readline()
                assert part, said
                said += part
            if "ruth agent" in command:
                pid_of(desk.roots, CAMERA)  # it says so before it has become the agent
            process.send_signal(how.ended_by)
            process.stdout.read()
        assert process.wait() == code, said
    if command == "kill 6526" or (how and "ruth up" in command):
        wait_dead(desk.roots, CAMERA)  # its launcher has told it to end, and did not wait


def test_what_is_not_run_is_shown() -> None:
    """Each command that is not run is one of a page: what a page shows no more has no reason left."""
    assert sorted(set(NOT_RUN) - set(SHOWN)) == []


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("    ruth ps --json    # all\n", ["ruth ps --json"]),
        ("```\n./launch/ruth ps\nCAMERA  PID\n```\n", ["./launch/ruth ps"]),
        ("```toml\nrun = {}\n```\n", []),
        ("see `ruth\ndown front-door`, `ruth ps` and `.venv/bin/python`", ["ruth down front-door"]),
        ("    ruth vas CAMERA=SOURCE... [--once] [--export-version 1|2]\n",
         ["ruth vas front-door=test", "ruth vas front-door=test --once --export-version 1"]),
        ("    ruth up [-d] CONFIG\n", ["ruth up -d ruth.toml", "ruth up ruth.toml"]),
    ],
)  # fmt: skip
def test_commands_are_found(text: str, typed: list[str]) -> None:
    """Commands stand in blocks and sentences; output and names of verbs are none; usages are filled in."""
    assert [form for command in commands_in(text) for form in forms_of(command)] == typed


def test_python_on_pages_runs(desk: Desk) -> None:
    """The Python of docs/runtimes.md gets frames of an agent that runs, and prints what it makes of them."""
    desk.launch()
    page = (PROJECT / "docs" / "runtimes.md").read_text(encoding="utf-8")
    codes = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert codes
    for code in codes:
        process = desk.processes.start(
            sys.executable, "-u", "-c", code, env=desk.environ, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        with within(DEADLINE_S):
            assert re.fullmatch(r"(front-door )?\d+ \d+\.\d+\n", process.stdout.readline())
        process.kill()
