from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from conftest import PROJECT
from launch.prepare.doctor.facts import (
    CameraFacts,
    Export,
    Folder,
    HostFacts,
    Kernel,
    NativeStatus,
    ResourceLimit,
)
from launch.prepare.doctor.finding import Finding, Level, named
from launch.prepare.doctor.judge import CHECKS, judge, stops_launch
from launch.prepare.doctor.judge_limits import (
    AGENT_ADDRESSES,
    AGENT_DESCRIPTORS,
    AGENT_MAPPINGS,
    ASSUMED_BYTES,
    INSTANCES_ENOUGH,
    LAUNCHER_DESCRIPTORS,
    SYSCTL_FILE,
)
from launch.prepare.sizing.host import AGENT_PRIVATE_BYTES
from ruth.agent.measure import Measure

if TYPE_CHECKING:
    from collections.abc import Callable

VAS, RUTH = 1001, 1002
MB = 1_000_000
GOOD_MODES = (("/dev/shm/vas/a", 0o755), ("/dev/shm/vas/a/frame.meta", 0o644))
EXPORT = Export(None, 2, 12 * MB, VAS, GOOD_MODES)
EXPORTS = Folder(
    "/dev/shm/vas", "/dev/shm/vas", "tmpfs", "/dev/shm", 8000 * MB, 4000 * MB, None, True, False, 0o755, VAS
)
STATES = replace(EXPORTS, path="/dev/shm/ruth", standing="/dev/shm/ruth", writable=True, owner=RUTH)
KERNEL = Kernel("x86_64", "6.18.0", "3.11.7", None, True, 7, int(~Measure(0)), (), None)
NATIVE = NativeStatus(None, False, "python -m launch.agent.native")
CAMERA = CameraFacts("a", EXPORT, False, None, None)
ROOM = ResourceLimit("kernel.pid_max", 32768, 300, "sysctl kernel.pid_max=4194304")
INOTIFY = ResourceLimit(
    "fs.inotify.max_user_instances", 128, 3, "sysctl fs.inotify.max_user_instances=NUMBER"
)
NPROC = ResourceLimit("NPROC", 10, 9, "ulimit -u")
PIDS = ResourceLimit("pids.max", 5, 9, "TasksMax=")
FILES = ResourceLimit("fs.file-max", 30, 15, "sysctl")
FINE = HostFacts(
    user=RUTH,
    ruth_user=RUTH,
    configured=True,
    kernel=KERNEL,
    native=NATIVE,
    exports=EXPORTS,
    states=STATES,
    cameras=(CAMERA, replace(CAMERA, camera_id="b")),
    memory=(ResourceLimit("available memory", 16_000 * MB, 2_000 * MB, "end something"),),
    tasks=(ROOM,),
    open_files=ResourceLimit("fs.file-max", 10**6, 1000, "sysctl fs.file-max=NUMBER"),
    inotify=INOTIFY,
    descriptors=1024,
    mappings=65530,
    address_space=None,
)


def of(host: HostFacts, check: str) -> Finding:
    """What one check found."""
    return next(finding for finding in judge(host) if finding.check == check)


def with_export(**changes: object) -> HostFacts:
    """A fine host one of whose exports is otherwise."""
    export = replace(EXPORT, **changes)  # type: ignore[arg-type]
    return replace(FINE, cameras=(replace(CAMERA, export=export), FINE.cameras[1]))


def test_a_fine_host() -> None:
    """Where nothing is wrong every check is ok, and each has its own name."""
    findings = judge(FINE)
    assert {finding.level for finding in findings} == {Level.OK}
    assert len({finding.check for finding in findings}) == len(CHECKS)
    assert not stops_launch(findings)


def without(measure: Measure) -> HostFacts:
    """A fine host whose kernel lacks one measure."""
    return replace(FINE, kernel=replace(KERNEL, measures=int(~measure)))


# What is changed, which check finds it, how bad it is, and a part of what it says or of its fix.
Case = tuple[HostFacts, str, Level, str]
CASES: list[Case] = [
    (
        replace(FINE, kernel=replace(KERNEL, machine="aarch64", version2_problem="version 2 needs x86-64")),
        "machine", Level.WARN, "version 2 needs",
    ),
    (replace(FINE, kernel=replace(KERNEL, futex=False)), "futex", Level.WARN, "seccomp profile"),
    (replace(FINE, native=replace(NATIVE, problem="not compiled")), "native", Level.WARN, "-m launch.agent"),
    (replace(FINE, native=NativeStatus("it is 'off'", True, "")), "native", Level.WARN, "unset it"),
    (without(Measure.LANDLOCK_FILES), "confinement", Level.WARN, "lsm="),
    (without(Measure.LANDLOCK_SIGNALS), "confinement", Level.WARN, "could signal processes of its user"),
    (without(Measure.PINNED_PATHS), "confinement", Level.WARN, "other cameras' frames too"),
    (without(Measure.SECCOMP), "confinement", Level.WARN, "start processes"),
    (
        replace(FINE, kernel=replace(KERNEL, refused=("mseal",))),
        "confinement", Level.WARN, "allow mseal in that filter",
    ),
    (
        replace(FINE, unseen=(("memory", "/proc/meminfo: No such file or directory"),)),
        "memory", Level.WARN, "not all could be looked at (/proc/meminfo: No such file",
    ),
    (replace(FINE, states=replace(STATES, problem="is a link")), "state root", Level.FAIL, "is a link"),
    (
        replace(FINE, kernel=replace(KERNEL, confinement_problem="Operation not permitted")),
        "confinement", Level.FAIL, "Operation not permitted",
    ),
    (
        replace(FINE, exports=replace(EXPORTS, standing="/dev/shm", mode=None, owner=None)),
        "export root", Level.WARN, "AI_FRAME_EXPORT_ENABLED",
    ),
    (replace(FINE, exports=replace(EXPORTS, filesystem="ext4")), "export root", Level.WARN, "not a tmpfs"),
    (replace(FINE, exports=replace(EXPORTS, readable=False)), "export root", Level.WARN, "chmod 755"),
    (replace(FINE, cameras=(replace(CAMERA, export=None),)), "exports", Level.WARN, "0 of 1; without any: a"),
    (with_export(problem="version 9"), "exports", Level.WARN, "1 of 2; not readable: a: version 9"),
    (with_export(modes=(("/dev/shm/vas/a", 0o777),)), "writers", Level.WARN, "/dev/shm/vas/a (0777)"),
    (
        with_export(modes=(("/dev/shm/vas/a", 0o755), ("/dev/shm/vas/a/frame.data", 0o664))),
        "writers", Level.WARN, "chmod -R go-w /dev/shm/vas",
    ),
    (replace(FINE, states=replace(STATES, mode=0o777)), "writers", Level.WARN, "chmod -R go-w /dev/shm/ruth"),
    (replace(FINE, user=VAS), "user", Level.WARN, "sudo -u"),
    (replace(FINE, user=0), "user", Level.WARN, "uid 0"),
    (replace(FINE, user=VAS, ruth_user=None), "user", Level.WARN, "useradd --system"),
    (replace(FINE, user=VAS, ruth_user=VAS), "user", Level.WARN, "video server as another user than ruth"),
    (
        replace(FINE, cameras=(CAMERA, replace(CAMERA, live=True, stopped_pid=7))),
        "agents", Level.WARN, "kill -CONT 7",
    ),
    (replace(FINE, states=replace(STATES, writable=False)), "state root", Level.FAIL, f"chown {RUTH}"),
    (replace(FINE, states=replace(STATES, free_bytes=30_000)), "state root", Level.FAIL, "remount"),
    (replace(FINE, states=replace(STATES, free_files=3)), "state root", Level.FAIL, "nr_inodes"),
    (replace(FINE, states=replace(STATES, filesystem="xfs")), "state root", Level.WARN, "RUTH_STATE_ROOT"),
    (
        replace(FINE, cameras=(replace(CAMERA, claim_problem="locked by a process that is not an agent"),)),
        "states", Level.FAIL, "a (locked by a process that is not an agent)",
    ),
    (
        replace(FINE, memory=(*FINE.memory, ResourceLimit("memory.max", 10 * MB, 9 * MB, "MemoryMax="))),
        "memory", Level.FAIL, "MemoryMax=",
    ),
    (replace(FINE, tasks=(ROOM, NPROC)), "processes", Level.FAIL, "ulimit -u"),
    (replace(FINE, tasks=(PIDS, ROOM)), "processes", Level.FAIL, "TasksMax="),
    (replace(FINE, descriptors=AGENT_DESCRIPTORS - 1), "descriptors", Level.WARN, "LimitNOFILE"),
    (replace(FINE, descriptors=LAUNCHER_DESCRIPTORS - 1), "descriptors", Level.FAIL, "ulimit -n"),
    (replace(FINE, open_files=FILES), "descriptors", Level.FAIL, "sysctl"),
    (
        replace(
            FINE, cameras=(replace(CAMERA, export=replace(EXPORT, version=1)),),
            inotify=replace(INOTIFY, limit=3),
        ),
        "inotify", Level.WARN, "max_user_instances=8192; for good: launch/deploy/60-ruth-sysctl.conf",
    ),
    (replace(FINE, mappings=AGENT_MAPPINGS - 1), "memory maps", Level.FAIL, "max_map_count"),
    (replace(FINE, address_space=AGENT_ADDRESSES + 11 * MB), "memory maps", Level.WARN, "ulimit -v"),
    (replace(FINE, address_space=AGENT_ADDRESSES - 1), "memory maps", Level.FAIL, "ulimit -v"),
]  # fmt: skip


@pytest.mark.parametrize(("host", "check", "level", "said"), CASES)
def test_what_is_wrong_is_found(host: HostFacts, check: str, level: Level, said: str) -> None:
    """Each thing that can be wrong is found by its check, with its level and its fix, and by no other."""
    finding = of(host, check)
    assert finding.level is level
    assert said in f"{finding.text}\n{finding.fix}"
    others = {one.check for one in judge(host) if one.level is not Level.OK} - {check}
    assert not others
    assert stops_launch(judge(host)) is (level is Level.FAIL)


def test_exports_to_come_are_counted() -> None:
    """Cameras without an export are taken to need what the largest one that is there has."""
    camera = replace(CAMERA, camera_id="b", export=None)
    host = replace(FINE, cameras=(CAMERA, camera), exports=replace(EXPORTS, free_bytes=11 * MB))
    finding = of(host, "shared memory")
    assert finding.level is Level.WARN
    assert (
        "to come: 1, each taken to be as large as the largest of them; 12.0 MB more needed, 11.0 MB free"
        in (finding.text)
    )
    assert finding.fix is not None
    assert "size=7631M" in finding.fix  # what there is, and the missing megabyte
    enough = replace(host, exports=replace(EXPORTS, free_bytes=13 * MB))
    assert of(enough, "shared memory").level is Level.OK


def test_the_assumption_is_said() -> None:
    """Without any export to go by, the size that is assumed is said."""
    host = replace(FINE, cameras=(replace(CAMERA, export=None),) * 3)
    text = of(host, "shared memory").text
    assert "each taken to be of 4 frames of 1920x1080" in text
    assert f"{3 * ASSUMED_BYTES / MB:.1f} MB more needed" in text


def test_a_folder_without_frames_is_to_come() -> None:
    """A camera whose video server has removed its files needs the memory again."""
    host = with_export(data_bytes=0, problem="frame.meta: No such file or directory")
    assert "exports there: 1 (12.0 MB); to come: 1" in of(host, "shared memory").text


def test_version_1_needs_room_for_one_more() -> None:
    """A version 1 export is written beside the last one before that goes."""
    host = replace(with_export(version=1), exports=replace(EXPORTS, free_bytes=11 * MB))
    assert of(host, "shared memory").level is Level.WARN


def test_a_tmpfs_without_a_limit() -> None:
    """Where there is no limit there is no lack."""
    host = replace(
        FINE,
        cameras=(replace(CAMERA, export=None),),
        exports=replace(EXPORTS, free_bytes=None, total_bytes=None),
    )
    finding = of(host, "shared memory")
    assert finding.level is Level.OK
    assert "without limit" in finding.text


def test_memory_for_exports_to_come() -> None:
    """Memory that is short only with the exports to come is no reason not to launch, and is said."""
    room = ResourceLimit("memory.max", 4 * AGENT_PRIVATE_BYTES, 0, "MemoryMax=")
    host = replace(FINE, cameras=(replace(CAMERA, export=None),), memory=(room,))
    assert of(host, "memory").level is Level.WARN
    assert not stops_launch(judge(host))


def test_live_agents_need_nothing_more() -> None:
    """Only agents that are to be launched are counted against the limits."""
    camera = replace(CAMERA, live=True)
    host = replace(FINE, cameras=(camera, camera), tasks=(replace(ROOM, used=32768),))
    assert of(host, "processes").level is Level.OK
    assert of(host, "states").text == "to launch: 0, with a live agent: 2"


def test_the_tightest_limit_counts() -> None:
    """Of several limits the one that leaves the least is named; one without a number never."""
    rooms = (
        ROOM,
        ResourceLimit("pids.max", 50, 10, "TasksMax="),
        ResourceLimit("RLIMIT_NPROC", None, 0, "ulimit"),
    )
    assert "room for 40 (pids.max is 50, 10 in use)" in of(replace(FINE, tasks=rooms), "processes").text


def test_no_limit_at_all() -> None:
    """A host without limits is fine."""
    unlimited = ResourceLimit("x", None, 0, "y")
    host = replace(FINE, tasks=(), memory=(unlimited,), descriptors=None, open_files=unlimited)
    assert {finding.level for finding in judge(host)} == {Level.OK}


def test_no_camera_at_all() -> None:
    """Where no camera is known nothing is wrong with any."""
    findings = judge(replace(FINE, cameras=(), configured=False))
    assert {finding.level for finding in findings} == {Level.OK}


def test_who_may_read_is_said() -> None:
    """An export that some users may not read is not a fault, and is named."""
    host = with_export(modes=(("/dev/shm/vas/a", 0o750), ("/dev/shm/vas/a/frame.meta", 0o640)))
    finding = of(host, "readers")
    assert finding.level is Level.OK
    assert finding.text == (
        "exports that every user of this host may read: 1 of 2; their owner or group alone: a"
    )


def test_a_sticky_root_is_no_hole() -> None:
    """A root that every user may add to, but where no user can replace what is another's, is safe."""
    assert of(replace(FINE, states=replace(STATES, mode=0o1777)), "writers").level is Level.OK


@pytest.mark.parametrize(("level", "fix"), [(Level.OK, "x"), (Level.WARN, None), (Level.FAIL, None)])
def test_a_finding_has_its_fix(level: Level, fix: str | None) -> None:
    """What is wrong has a fix, and what is right has none."""
    with pytest.raises(ValueError, match="fix"):
        Finding("x", level, "y", fix)


@pytest.mark.parametrize("check", CHECKS)
def test_checks_do_not_depend_on_each_other(check: Callable[[HostFacts], Finding]) -> None:
    """Each check is a function of the facts alone: the same facts, the same finding."""
    assert check(FINE) == check(replace(FINE))


def test_many_cameras_are_not_all_named() -> None:
    """Of many, the first three are named and the others counted."""
    assert named(["a", "b", "c"]) == "a, b, c"
    assert named(list("abcdef")) == "a, b, c and 3 more"


def test_the_file_for_sysctl_says_what_the_fix_says() -> None:
    """What is advised for the moment and what is shipped for good are one number, for that very limit."""
    content = (PROJECT / SYSCTL_FILE).read_text(encoding="ascii")
    settings = [line for line in content.splitlines() if line and not line.startswith("#")]
    assert settings == [f"{INOTIFY.name} = {INSTANCES_ENOUGH}"]
