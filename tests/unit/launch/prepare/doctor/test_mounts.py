from __future__ import annotations

import os

import psutil

from launch.prepare.doctor.mounts import Mount, mount_of, parse_mounts, read_mounts

TEXT = """\
22 1 0:20 / / rw,relatime - ext4 /dev/root rw,errors=remount-ro
23 22 0:21 / /dev/shm rw,nosuid shared:3 - tmpfs tmpfs rw,size=64k
24 22 0:22 /a\\040b /mnt/with\\040blank rw master:1 propagate_from:2 - xfs /dev/sda1 rw
25 23 0:23 / /dev/shm rw - tmpfs tmpfs rw
what is not a mount
"""


def test_a_table_of_mounts() -> None:
    """Each line is a mount; optional fields are passed over, escaped blanks are blanks, the rest is none."""
    mounts = parse_mounts(TEXT)
    assert len(mounts) == 4
    assert mounts[1] == Mount("/", "/dev/shm", "tmpfs", ("rw", "size=64k"))
    assert mounts[2] == Mount("/a b", "/mnt/with blank", "xfs", ("rw",))


def test_the_mount_of_a_path() -> None:
    """The longest mount point that a path lies below counts, and of two at one place the later one."""
    mounts = parse_mounts(TEXT)
    assert mount_of("/dev/shm/vas", mounts) is mounts[3]
    assert mount_of("/dev/shm", mounts) is mounts[3]
    assert mount_of("/dev/shmoo", mounts) is mounts[0]
    assert mount_of("/", mounts) is mounts[0]
    assert mount_of("/", []) is None


def test_the_mounts_of_this_machine() -> None:
    """Of every mounted filesystem that psutil finds, type and place are found as well."""
    mounts = read_mounts()
    known = {(mount.point, mount.filesystem) for mount in mounts}
    for partition in psutil.disk_partitions(all=True):
        assert (partition.mountpoint, partition.fstype) in known
    found = mount_of("/dev/shm", mounts)
    assert found is not None
    assert os.stat(found.point).st_dev == os.stat("/dev/shm").st_dev
