"""What kernel, machine and installation mean for agents. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from launch.doctor.finding import Finding, Level

if TYPE_CHECKING:
    from launch.doctor.facts import Host

# What each version of Landlock brought that agents use (landlock(7)).
_LANDLOCK_TCP: Final = 4
_LANDLOCK_SIGNALS: Final = 6


def machine(host: Host) -> Finding:
    """Which one it is, and whether it keeps the order of stores that version 2 needs."""
    kernel = host.kernel
    text = f"{kernel.machine}, Linux {kernel.release}, Python {kernel.python}"
    if kernel.version2_problem is None:
        return Finding("machine", Level.OK, text)
    fix = "run agents on x86-64; version 1 exports are read here as well"
    return Finding("machine", Level.WARN, f"{text}: {kernel.version2_problem}", fix)


def futex(host: Host) -> Finding:
    """Whether an agent can wait to be woken."""
    if host.kernel.futex:
        return Finding("futex", Level.OK, "waiting for a frame works")
    return Finding(
        "futex",
        Level.WARN,
        "futex(2) does not work here: agents look for frames on time, later and at a higher cost",
        "allow futex in the container's seccomp profile",
    )


def confinement(host: Host) -> Finding:
    """What an agent can be kept from by the kernel."""
    kernel = host.kernel
    if kernel.confinement_problem is not None:
        return Finding(
            "confinement",
            Level.FAIL,
            f"agents cannot be confined, and do not run otherwise: {kernel.confinement_problem}",
            "allow landlock_create_ruleset, landlock_add_rule, landlock_restrict_self and seccomp in the"
            " container's seccomp profile",
        )
    filter_text = "system call filter" if kernel.seccomp else "no system call filter"
    if not kernel.landlock:
        return Finding(
            "confinement",
            Level.WARN,
            f"no Landlock, {filter_text}: less keeps a broken agent from other files",
            "Linux 5.13 or newer with CONFIG_SECURITY_LANDLOCK, and landlock in lsm= on its command line",
        )
    guards = ["files"]
    guards += ["TCP"] if kernel.landlock >= _LANDLOCK_TCP else []
    guards += ["signals"] if kernel.landlock >= _LANDLOCK_SIGNALS else []
    text = f"Landlock {kernel.landlock} ({', '.join(guards)}), {filter_text}"
    return Finding("confinement", Level.OK, text)


def native(host: Host) -> Finding:
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
