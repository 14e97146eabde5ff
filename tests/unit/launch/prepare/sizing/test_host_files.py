"""A configuration per host: together they are the one that was split."""

from __future__ import annotations

import pytest

from launch.prepare.config.plan import parse_config
from launch.prepare.sizing.host_files import host_files

CONFIG = """
[models]
person = { max_fps = 5 }
"a.b" = { max_fps = 0.001, active = false }
free = {}
[cameras]
""" + "".join(f'"cam.{number}" = {{}}\n' for number in range(9))  # fmt: skip
PLAN = parse_config(CONFIG + "slow = { models = { person = { max_fps = 2.5 }, free = false } }\n")


@pytest.mark.parametrize(
    ("per_host", "sizes"), [(1, [1] * 10), (3, [2, 3, 2, 3]), (4, [3, 3, 4]), (10, [10]), (99, [10])]
)
def test_together_they_are_the_whole(per_host: int, sizes: list[int]) -> None:
    """Each camera is in one file, with what it had, in the order of the whole; hosts differ by one camera."""
    files = host_files(PLAN, per_host)
    plans = [parse_config(file.content) for file in files]
    assert [len(plan.cameras) for plan in plans] == sizes
    assert tuple(camera for plan in plans for camera in plan.cameras) == PLAN.cameras
    assert len({file.name for file in files}) == len(files)
    assert [file.name for file in files] == sorted(file.name for file in files)
