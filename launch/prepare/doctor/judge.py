"""Judges a host: facts in, findings out, in the order in which one would fix them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from launch.prepare.doctor import judge_files, judge_kernel, judge_launch, judge_limits
from launch.prepare.doctor.finding import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from launch.prepare.doctor.facts import HostFacts

_UNSEEN_FIX: Final = "run `ruth doctor` where /proc shows all of it, and no filter is around it"
CHECKS = (
    judge_kernel.machine,
    judge_kernel.futex,
    judge_kernel.confinement,
    judge_kernel.native,
    judge_files.export_root,
    judge_files.exports,
    judge_files.readers,
    judge_files.writers,
    judge_files.user,
    judge_files.state_root,
    judge_files.states,
    judge_files.agents,
    judge_launch.configuration,
    judge_launch.launchers,
    judge_limits.shared_memory,
    judge_limits.memory,
    judge_limits.tasks,
    judge_limits.descriptors,
    judge_limits.inotify,
    judge_limits.mappings,
)


def judge(host: HostFacts) -> list[Finding]:
    """One finding per check; a warning that says so where something could not be looked at."""
    unseen = dict(host.unseen)
    return [_qualified(check(host), unseen) for check in CHECKS]


def _qualified(finding: Finding, unseen: Mapping[str, str]) -> Finding:
    problem = unseen.get(finding.check)
    if problem is None or finding.level is Level.FAIL:
        return finding
    text = f"not all could be looked at ({problem}); as far as it could: {finding.text}"
    return Finding(finding.check, Level.WARN, text, finding.fix or _UNSEEN_FIX)


def stops_launch(findings: Sequence[Finding]) -> bool:
    """Whether one of them would stop ``ruth up``."""
    return any(finding.level is Level.FAIL for finding in findings)
