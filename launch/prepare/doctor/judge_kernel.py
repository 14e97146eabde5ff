"""What kernel, machine and installation mean for agents. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from launch.prepare.doctor.finding import Finding, Level
from ruth.agent.measure import FILTERED, Measure, left_open

if TYPE_CHECKING:
    from launch.prepare.doctor.facts import HostFacts

# What each version of Landlock brought that agents use (landlock(7)).
_LANDLOCK_TCP: Final = 4
_LANDLOCK_SIGNALS: Final = 6
_LANDLOCK_FIX: Final = (
    "Linux 5.13 or newer with CONFIG_SECURITY_LANDLOCK, and landlock in lsm= on its command line"
)


def machine(host: HostFacts) -> Finding:
    """Which one it is, and whether it keeps the order of stores that version 2 needs."""
    kernel = host.kernel
    text = f"{kernel.machine}, Linux {kernel.release}, Python {kernel.python}"
    if kernel.version2_problem is None:
        return Finding("machine", Level.OK, text)
    fix = "run agents on x86-64, or 64-bit Arm with a compiler; version 1 exports are read here as well"
    return Finding("machine", Level.WARN, f"{text}: {kernel.version2_problem}", fix)


def futex(host: HostFacts) -> Finding:
    """Whether an agent can wait to be woken."""
    if host.kernel.futex:
        return Finding("futex", Level.OK, "waiting for a frame works")
    return Finding(
        "futex",
        Level.WARN,
        "futex(2) does not work here: agents poll for frames on time, later and at a higher cost",
        "allow futex in the container's seccomp profile",
    )


def confinement(host: HostFacts) -> Finding:
    """What an agent can be kept from by the kernel, and what stays open to one gone wrong."""
    kernel = host.kernel
    if kernel.confinement_problem is not None:
        text = f"agents cannot be confined, and do not run otherwise: {kernel.confinement_problem}"
        return Finding("confinement", Level.FAIL, text, _LANDLOCK_FIX)
    guards = ["files"]
    guards += ["TCP"] if kernel.landlock >= _LANDLOCK_TCP else []
    guards += ["signals"] if kernel.landlock >= _LANDLOCK_SIGNALS else []
    measures = Measure(kernel.measures)
    landlock = f"Landlock {kernel.landlock} ({', '.join(guards)})"
    text = landlock if Measure.LANDLOCK_FILES in measures else "no Landlock"
    text += ", system call filter" if Measure.SECCOMP in measures else ", no system call filter"
    if Measure.SECCOMP in measures and Measure.PINNED_PATHS not in measures:
        text += " without sealed paths"
    able = left_open(measures)
    if measures == ~Measure(0) and not kernel.refused:
        return Finding("confinement", Level.OK, text)
    if able:
        text += f"; an agent gone wrong could {'; '.join(able)}"
    if kernel.refused:
        calls = ", ".join(kernel.refused)
        text += f"; {calls}: {FILTERED}"
        return Finding("confinement", Level.WARN, text, f"allow {calls} in that filter")
    return Finding("confinement", Level.WARN, text, _fix(measures))


def _fix(measures: Measure) -> str:
    """What gives agents the measures that this kernel has not."""
    fixes = []
    if Measure.LANDLOCK_FILES not in measures:
        fixes.append(_LANDLOCK_FIX)
    elif Measure.LANDLOCK_SIGNALS not in measures:
        fixes.append("Linux 6.12 or newer, for signals")
    if Measure.SECCOMP not in measures:
        fixes.append("x86-64 or 64-bit Arm, and a kernel with CONFIG_SECCOMP_FILTER, for the filter")
    elif Measure.PINNED_PATHS not in measures:
        fixes.append("Linux 6.10 or newer, for sealed paths (mseal)")
    if Measure.OOM_SCORE_ADJ not in measures:
        fixes.append("a /proc that may be written to, for oom_score_adj")
    return "; ".join(fixes) or "start it where limits can be lowered"


def native(host: HostFacts) -> Finding:
    """Whether agents begin and take frames in compiled code."""
    problem = host.native.problem
    if problem is None:
        return Finding("native", Level.OK, "agents launched from here begin and take frames in compiled code")
    text = f"agents launched from here do all in Python, for more processor and memory: {problem}"
    fix = (
        "unset it"
        if host.native.ruled_out
        else f"apt install gcc libc6-dev, if missing; then {host.native.command}"
    )
    return Finding("native", Level.WARN, text, fix)
