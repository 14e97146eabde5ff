"""The machine that numbers are of: without it they mean nothing."""

from __future__ import annotations

import os
import platform
import re
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

PEERS = ("iceoryx2", "pyzmq", "numpy")
_FIRST_CPU = re.compile(r"model name\s*: (.+)")


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine as it is now.

    Attributes:
        processor: As the kernel names it.
        cores: Processors that this process may run on.
        virtual: Whether it is a guest of a hypervisor.
        memory_gib: Of all.
        kernel: Its release.
        python: Version of this interpreter.
        packages: Name and version of what is compared with.

    """

    processor: str
    cores: int
    virtual: bool
    memory_gib: int
    kernel: str
    python: str
    packages: tuple[str, ...]

    def __str__(self) -> str:
        guest = ", virtual" if self.virtual else ""
        packages = ", ".join(self.packages)
        return (
            f"{self.cores} cores of {self.processor}{guest}, {self.memory_gib} GiB, Linux {self.kernel}, "
            f"Python {self.python}, {packages}"
        )


def machine_here() -> Machine:
    """The machine that this runs on."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    found = _FIRST_CPU.search(cpuinfo)
    return Machine(
        processor=found[1].strip() if found else platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        virtual=" hypervisor" in cpuinfo,
        memory_gib=round(psutil.virtual_memory().total / 2**30),
        kernel=platform.release(),
        python=platform.python_version(),
        packages=tuple(f"{name} {found}" for name in PEERS if (found := _version(name))),
    )


def load_average() -> float:
    """Processes that ran or wanted to, on average over the last minute."""
    return round(os.getloadavg()[0], 2)


def today() -> str:
    """The date, as ``2000-12-31``."""
    return time.strftime("%Y-%m-%d", time.gmtime())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
