from __future__ import annotations

import pytest

from launch.prepare.config.plan import parse_config
from launch.prepare.sizing.forecast import forecast_of
from launch.prepare.sizing.host import HostSize, capacity_of, export_bytes, need_of, state_bytes
from launch.prepare.sizing.source import Source
from ruth.agent.state import STATE_SIZE

PLAN = parse_config(
    "[cameras.a.models]\nperson = { max_fps = 5 }\naudit = {}\n"
    "[cameras.b.models]\nperson = { max_fps = 5 }\naudit = { active = false }\n"
)
EXACT = Source(25, 0)
LARGE = HostSize(64, 256 << 30)


def test_files_are_whole_pages() -> None:
    """An export of 1080p is four slots of 760 pages and a header; a state grows with its models."""
    assert export_bytes(1920, 1080) == 4 * 760 * 4096 + 4096
    assert [state_bytes(models) for models in (1, 9, 10, 63)] == [4096, 4096, 8192, STATE_SIZE]


def test_need_of_two_cameras() -> None:
    """Twice what one camera needs, and one launcher."""
    one, two = (
        need_of(parse_config("[cameras.a.models]\nm = {}\n"), 25, 640, 480),
        need_of(PLAN, 25, 640, 480),
    )
    assert (two.cameras, two.processes, two.fps) == (2, 3, 50)
    assert (two.export_bytes, two.state_bytes) == (2 * one.export_bytes, 2 * one.state_bytes)
    assert two.cores == 2 * one.cores
    assert one.private_bytes < two.private_bytes < 2 * one.private_bytes


def test_room_is_what_ends_first() -> None:
    """Large frames end the memory, high rates the cores."""
    large, fast = need_of(PLAN, 5, 3840, 2160), need_of(PLAN, 500, 320, 240)
    assert capacity_of(LARGE, large).limit == "memory"
    assert capacity_of(LARGE, fast).limit == "cores"


def test_what_has_room_takes_no_more_than_its_share() -> None:
    """As many cameras as there is room for need at most half of the host, and one more needs more."""
    room = capacity_of(LARGE, need_of(PLAN, 25, 1920, 1080)).cameras

    def fits(cameras: int) -> bool:
        plan = parse_config("".join(f"[cameras.c{n}.models]\nm = {{}}\n" for n in range(cameras)))
        need = need_of(plan, 25, 1920, 1080)
        memory = need.shared_bytes + need.private_bytes
        return need.cores <= LARGE.cores / 2 and memory <= LARGE.memory_bytes / 2

    assert fits(room)
    assert not fits(room + 1)


@pytest.mark.parametrize(("wanted", "hosts"), [(None, None), (1, 1), (0, 0)])
def test_hosts_for_a_few(wanted: int | None, hosts: int | None) -> None:
    """As many hosts as it takes; none are counted where none were asked for."""
    assert forecast_of(PLAN, EXACT, (1920, 1080), LARGE, wanted).hosts == hosts


def test_hosts_are_rounded_up() -> None:
    """One camera more than a number of hosts has room for takes one host more."""
    room = forecast_of(PLAN, EXACT, (1920, 1080), LARGE, None).room.cameras
    assert forecast_of(PLAN, EXACT, (1920, 1080), LARGE, 3 * room).hosts == 3
    assert forecast_of(PLAN, EXACT, (1920, 1080), LARGE, 3 * room + 1).hosts == 4


def test_a_host_too_small_for_one_camera() -> None:
    """No number of hosts does where one has no room for a camera."""
    tiny = forecast_of(PLAN, EXACT, (1920, 1080), HostSize(1, 16 << 20), 5)
    assert (tiny.room.cameras, tiny.hosts) == (0, None)


def test_subscriptions_that_are_alike_are_one() -> None:
    """The same model with the same cap on two cameras is one line; inactive ones get nothing."""
    models = forecast_of(PLAN, EXACT, (1920, 1080), LARGE, None).models
    assert [(m.model_id, m.active, m.cameras, round(m.fps)) for m in models] == [
        ("person", True, 2, 10),
        ("audit", True, 1, 25),
        ("audit", False, 1, 0),
    ]
