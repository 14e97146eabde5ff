from __future__ import annotations

import json
from textwrap import dedent

import pytest

from conftest import PROJECT
from launch.prepare.config.plan import parse_config
from launch.prepare.sizing.forecast import HostForecast, forecast_of
from launch.prepare.sizing.host import HostSize
from launch.prepare.sizing.source import Source
from launch.prepare.sizing.text import as_json, as_text

HOST = HostSize(32, 64 << 30)
ASSUMED = ("--source-fps 25", "--jitter 0", "--size 1920x1080")


def planned(models: str, jitter_ms: int = 1, wanted: int | None = None) -> HostForecast:
    """The forecast of one camera with these models, 25 fps of 1080p."""
    plan = parse_config(f"[cameras.a.models]\n{models}\n")
    return forecast_of(plan, Source(25, jitter_ms * 1_000_000), (1920, 1080), HOST, wanted)


def shown(models: str, jitter_ms: int = 1, wanted: int | None = None) -> str:
    """The text of it, in one line."""
    return " ".join(as_text(planned(models, jitter_ms, wanted), None, "...").split())


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("m = {}", "25.00 25.0 every frame: no cap"),
        ("m = { max_fps = 40 }", "25.00 25.0 every frame"),
        ("m = { max_fps = 10 }", "8.33 8.3 every 3rd frame: 100 ms are 2.5 frames"),
        ("m = { max_fps = 5 }", "every 5th or 6th: 200 ms are 5 frames"),
        ("m = { max_fps = 0.5 }", "every 50th or 51st: 2 s are 50 frames"),
        ("m = { max_fps = 0.0001 }", "0.00 0.0 1e+04 s are 2.5e+05 frames"),
        ("m = { max_fps = 9, active = false }", "0.00 0.0 inactive"),
    ],
)
def test_why(model: str, why: str) -> None:
    """Each model's line ends in why it gets what it gets."""
    assert why in shown(model)


def test_a_warning_names_the_setting() -> None:
    """Where jitter costs frames, the text says how many, and what to set instead."""
    assert "max_fps = 5.2 gives every 5th frame" in shown("m = { max_fps = 5 }")
    assert "max_fps = 28, or none, gives every frame" in shown("m = { max_fps = 25 }")


def test_a_warning_without_a_setting_says_so() -> None:
    """Where none helps, the warning says that instead."""
    assert "with 15 ms of jitter no cap gives exactly every 5th frame" in shown("m = { max_fps = 5 }", 15)
    assert "leave max_fps out for every frame" in shown("m = { max_fps = 25 }", 25)


def test_no_warning_without_a_reason() -> None:
    """A cap that loses nothing to jitter is not warned about."""
    assert "warning" not in shown("m = { max_fps = 10 }\nn = {}\np = { max_fps = 5.2 }")


def test_a_burst_that_the_ring_cannot_hold_is_warned_of() -> None:
    """The warning says what is lost, how many slots hold it, and what they take."""
    plan = parse_config("[cameras.a.models]\nperson = { max_fps = 5 }")
    lossy = forecast_of(plan, Source(25, 0, 12), (1920, 1080), HOST, None)
    text = " ".join(as_text(lossy, 80, "...").split())
    assert (
        "warning: of 12 frames that arrive together a ring of 4 slots holds the last 4: 67 % of the frames"
        " are never seen; slots = 13 holds all of them, for 28.0 MB more per camera" in text
    )
    assert "1, each 25 fps, 12 at a time, of 1920x1080" in text
    held = forecast_of(plan, Source(25, 0, 12, 13), (1920, 1080), HOST, None)
    assert "warning" not in as_text(held, 80, "...")
    most = forecast_of(plan, Source(25, 0, 62), (1920, 1080), HOST, None)
    assert "no ring has more than 62 slots" in " ".join(as_text(most, 80, "...").split())
    assert json.loads(as_json(lossy))["seen_share"] == pytest.approx(1 / 3)


def test_hosts_are_shown_when_asked_for() -> None:
    """The line about hosts is there only when hosts were asked for."""
    assert "for 100000 cameras" in shown("m = {}", 1, 100_000)
    assert "hosts" not in shown("m = {}")


@pytest.mark.parametrize("limit", [None, 200, 80, 60, 40])
def test_lines_fit(limit: int | None) -> None:
    """No line is longer than the terminal, nor than 80 characters, whatever a model is called."""
    models = f"{'m' * 64} = {{ max_fps = 25 }}\n{'n' * 64} = {{ max_fps = 0.37 }}"
    text = as_text(planned(models, 5, 10_000), limit, "...")
    assert max(map(len, text.splitlines())) <= min(limit or 80, 80)


def test_json_has_what_the_text_has() -> None:
    """The object holds every number of the text, unrounded."""
    forecast = planned("person = { max_fps = 5 }\naudit = {}", wanted=1000)
    found = json.loads(as_json(forecast))
    person, audit = found.pop("models")
    assert person == {
        "model_id": "person", "max_fps": 5, "active": True, "cameras": 1,
        "fps_each": forecast.models[0].each.rate.fps, "fps": forecast.models[0].fps,
        "closest": 5, "widest": 6, "wanted": 5, "better": 5.2,
    }  # fmt: skip
    assert (audit["max_fps"], audit["wanted"], audit["better"]) == (None, None, None)
    assert found == {
        "source_fps": 25, "jitter_ms": 1.0, "width": 1920, "height": 1080, "cameras": 1, "processes": 2,
        "fps": 25, "export_bytes": forecast.need.export_bytes, "state_bytes": 4096,
        "private_bytes": forecast.need.private_bytes, "cores": forecast.need.cores,
        "host": {"cores": 32, "memory_bytes": 64 << 30, "room": forecast.room.cameras, "limit": "memory"},
        "burst": 1, "slots": 4, "seen_share": 1.0,
        "cameras_wanted": 1000, "hosts": forecast.hosts, "assumed": [],
    }  # fmt: skip


def test_the_page_shows_what_is_printed() -> None:
    """The examples of docs/commands/plan.md are what such a configuration prints, without jitter and with."""
    page = (PROJECT / "docs" / "commands" / "plan.md").read_text(encoding="utf-8")
    rates = page[page.index("    MODEL ") : page.index("| column |")]
    needs = page[page.index("    cameras  ") : page.index("Shared memory is")]
    cameras = "".join(
        f"[cameras.c{number}.models]\nperson = {{ max_fps = 5 }}\nten = {{ max_fps = 10 }}\n"
        for number in range(4)
    )
    even, uneven = (
        as_text(
            forecast_of(parse_config(cameras), Source(25, jitter), (1920, 1080), HOST, None, ASSUMED),
            None,
            "...",
        )
        for jitter in (0, 1_000_000)
    )
    assert even.startswith(dedent(rates))
    assert dedent(needs).rstrip("\n") in even
    late = page[page.index("    person    5        4  4.48") : page.index("A **warning**")]
    for line in dedent(late).strip().splitlines():
        assert line in uneven


def test_what_was_assumed_is_said() -> None:
    """What no option stated is said to be assumed, and nothing is if all was stated."""
    plan = parse_config("[cameras.a.models]\nm = {}\n")
    source = Source(25, 1_000_000)
    assumed = as_text(forecast_of(plan, source, (1920, 1080), HOST, None, ASSUMED), None, "...")
    assert "assumed           --source-fps 25, --jitter 0, --size 1920x1080: say if not so" in assumed
    assert "assumed" not in shown("m = {}")


def test_private_memory_says_whose_it_is() -> None:
    """The launcher's memory, which counts once, is named beside that of an agent, and both are the sum."""
    assert "private memory 19.3 MB: 2.3 MB per camera, and 17.0 MB for the launcher" in shown("m = {}")
