"""A host of its own whose first process is systemd, for tests: in namespaces, with nothing but Ruth's units.

It has its own mounts, processes and control group, and sees of this machine the programs and no more: its
/etc, /run, /dev/shm and /usr/local/bin are new, /sys and /proc/sys are read-only, its systemd cannot set the
clock, load modules or reboot, and writes to no console. When its first process ends, all of it is gone.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conftest import PROJECT, Processes, Roots, open_processes
from harness.agents import children_of
from harness.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

UNITS = ("ruth.service", "ruth@.service")
UID = 4242
_TOOLS = ("unshare", "nsenter", "setpriv", "mount", "systemctl")
_SYSTEMD = Path("/lib/systemd/systemd")
# What the units name. Systemd finds no other unit of this machine.
_TARGETS = ("probe", "sysinit", "basic", "multi-user", "shutdown", "local-fs")
_TARGET = "[Unit]\nDefaultDependencies=no\n"
_BOOT = """
set -e
made=$1; units=$2; etc=$3; shift 3
mount --make-rprivate /
mount -t tmpfs -o mode=755 none /mnt
mkdir /mnt/etc /mnt/bin /mnt/run
for name in group ld.so.cache localtime machine-id nsswitch.conf passwd; do
    test ! -e /etc/$name || cp -L /etc/$name /mnt/etc/
done
sed -i "/^ruth:/d" /mnt/etc/passwd /mnt/etc/group
echo "ruth:x:UID:UID::/nonexistent:/usr/sbin/nologin" >>/mnt/etc/passwd
echo "ruth:x:UID:" >>/mnt/etc/group
cp -r "$etc" /mnt/etc/ruth
cp -r "$units" /mnt/run/units
install -m 755 "$made" /mnt/bin/ruth
for folder in ruth launch site python; do
    mkdir "/mnt/$folder"
    mount --bind "$1" "/mnt/$folder"
    shift
done
mount --bind /mnt/etc /etc
mount --bind /mnt/bin /usr/local/bin
mount --bind /mnt/run /run
mount -t tmpfs -o mode=1777 none /dev/shm
mount --bind /sys /sys
mount -t cgroup2 none /sys/fs/cgroup
mount -o remount,bind,ro /sys
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
for device in console kmsg; do
    test ! -e /dev/$device || mount --bind /dev/null /dev/$device
done
exec setpriv --bounding-set=-sys_time,-sys_module,-sys_boot,-syslog,-sys_rawio \\
    env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin container=ruth-test \\
    SYSTEMD_UNIT_PATH=/run/units SYSTEMD_LOG_TARGET=console SYSTEMD SYSTEM --unit=probe.target --show-status=0
""".replace("UID", str(UID)).replace("SYSTEMD SYSTEM", f"{_SYSTEMD} --system")
_RUTH = """#!/bin/sh
export PYTHONHOME=/mnt/python LD_LIBRARY_PATH=/mnt/python/lib PYTHONPATH=/mnt:/mnt/site
export PYTHONDONTWRITEBYTECODE=1
exec /mnt/python/bin/PYTHON -m launch.cli.main "$@"
""".replace("PYTHON -m", f"{Path(sys.executable).resolve().name} -m")


@dataclass(frozen=True, slots=True)
class SystemdHost:
    """A running one.

    Attributes:
        pid: Of its systemd, as seen from here.
        processes: Ends it, and whatever else a test starts beside it.

    """

    pid: int
    processes: Processes

    @property
    def roots(self) -> Roots:
        """Its exports and states, as seen from here."""
        shared_memory = Path(f"/proc/{self.pid}/root/dev/shm")
        return Roots(shared_memory / "vas", shared_memory / "ruth")

    def call(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Runs a command there, as root, to its end."""
        inside = ["nsenter", "-t", str(self.pid), "--mount", "--pid", "--ipc", "--uts"]
        return subprocess.run([*inside, *command], capture_output=True, text=True, timeout=30)

    def property(self, unit: str, name: str) -> str:
        """One property of a unit, as systemctl(1) names and shows it."""
        return self.call("systemctl", "show", "--property", name, "--value", unit).stdout.strip()

    def cameras(self) -> dict[str, dict[str, Any]]:
        """What ``ruth ps --json`` says there, by camera."""
        done = self.call("/usr/local/bin/ruth", "ps", "--json")
        assert done.returncode == 0, done.stderr
        return {camera["camera_id"]: camera for camera in json.loads(done.stdout)}


@contextmanager
def systemd_host(config: str) -> Iterator[SystemdHost]:
    """A host with Ruth's units and this ``ruth.toml``, its systemd up; where there can be none, a skip."""
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if os.getuid() != 0 or missing or not _SYSTEMD.exists():
        pytest.skip("a systemd of one's own wants root, systemd and util-linux")
    unified = Path("/sys/fs/cgroup/unified")  # beside version 1
    if not unified.is_dir():
        unified = unified.parent
    group = unified / f"ruth-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        with tempfile.TemporaryDirectory() as name, open_processes() as processes:
            yield _boot(Path(name), group, config, processes)
    finally:
        wait_until(lambda: not (group / "cgroup.procs").read_text(), "its control group is empty")
        for folder, _, _ in os.walk(group, topdown=False):
            os.rmdir(folder)


def _boot(folder: Path, group: Path, config: str, processes: Processes) -> SystemdHost:
    for part in ("units", "etc"):
        (folder / part).mkdir()
    for name in UNITS:
        shutil.copy(PROJECT / "launch" / "deploy" / name, folder / "units")
    for target in _TARGETS:
        (folder / "units" / f"{target}.target").write_text(_TARGET, encoding="ascii")
    (folder / "etc" / "ruth.toml").write_text(config, encoding="utf-8")
    (folder / "ruth").write_text(_RUTH, encoding="ascii")
    bound = [PROJECT / "ruth", PROJECT / "launch", sysconfig.get_path("purelib"), sys.base_prefix]
    namespaces = ["--mount", "--pid", "--fork", "--kill-child", "--ipc", "--uts", "--cgroup", "--mount-proc"]
    log = (folder / "log").open("wb")
    first = processes.start(
        "sh", "-c", 'echo $$ >"$0/cgroup.procs"; exec unshare "$@"', group,
        *namespaces, "sh", "-c", _BOOT, "sh", folder / "ruth", folder / "units", folder / "etc", *bound,
        stdout=log, stderr=log,
    )  # fmt: skip
    log.close()

    def up() -> SystemdHost | None:
        if first.poll() is not None:
            said = (folder / "log").read_text(encoding="utf-8", errors="replace")
            pytest.skip(f"systemd does not start here: {said.strip()}")
        for pid in children_of(first.pid):
            host = SystemdHost(pid, processes)
            if host.call("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"):
                return host
        return None

    host = wait_until(up, "systemd is up", 60)
    assert host is not None
    return host
