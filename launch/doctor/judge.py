"""Judges a host: facts in, findings out, in the order in which one would mend. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch.doctor import judge_files, judge_kernel, judge_limits
from launch.doctor.finding import Level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch.doctor.facts import Host
    from launch.doctor.finding import Finding

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
    judge_limits.shared_memory,
    judge_limits.memory,
    judge_limits.tasks,
    judge_limits.descriptors,
    judge_limits.mappings,
)


def judge(host: Host) -> list[Finding]:
    """One finding a check."""
    return [check(host) for check in CHECKS]


def stops_launch(findings: Sequence[Finding]) -> bool:
    """Whether one of them would stop ``ruth up``."""
    return any(finding.level is Level.FAIL for finding in findings)
