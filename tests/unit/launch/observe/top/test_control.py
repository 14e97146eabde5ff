from __future__ import annotations

import pytest

from launch.observe.top.control import FILTER_MAX, HELP, ORDERS, Control, matches

PAGE, ROWS = 10, 35


def pressed(*keys: str, control: Control | None = None) -> Control:
    """What some keys make of it, one after the other."""
    control = control or Control()
    for key in keys:
        control = control.pressed(key, PAGE, ROWS)
    return control


@pytest.mark.parametrize(
    ("keys", "first"),
    [
        (["down", "j"], 2),
        (["page down"], 10),
        ([" ", " ", " ", " "], 25),
        (["end"], 25),
        (["G", "up", "k"], 23),
        (["end", "page up", "b"], 5),
        (["end", "home"], 0),
        (["end", "g"], 0),
        (["up"], 0),
    ],
)
def test_scrolling(keys: list[str], first: int) -> None:
    """By lines, by pages, to both ends and not beyond."""
    assert pressed(*keys).first == first


@pytest.mark.parametrize(("key", "order"), [("s", "state"), ("n", "name"), ("f", "fps"), ("c", "cpu")])
def test_letters_sort(key: str, order: str) -> None:
    """A letter sorts by one thing, from the top and not turned round."""
    assert pressed("end", "r", key) == Control(order=order)


def test_every_column_is_reached() -> None:
    """``<`` and ``>``, or arrows, go through all orders and round."""
    found = [Control()]
    for _ in ORDERS:
        found.append(pressed(">", control=found[-1]))
    assert [control.order for control in found] == [*ORDERS, ORDERS[0]]
    assert pressed("<").order == ORDERS[-1]
    assert pressed("right", "right", "left").order == ORDERS[1]


def test_an_order_is_turned_round_and_back() -> None:
    """``r`` twice is nothing."""
    assert pressed("r").reverse
    assert pressed("r", "r") == Control()


def test_a_filter_is_typed() -> None:
    """Keys go into it, also those that are commands otherwise, until Enter; Esc drops it."""
    assert pressed("/", *"quit?") == Control(filter="quit?", typing=True)
    assert pressed("/", *"gat", "backspace", "enter") == Control(filter="ga")
    assert pressed("/", *"ga", "escape") == Control()
    assert pressed("/", *"ga", "enter", "escape") == Control()
    assert pressed("/", "up", "page down", "a") == Control(filter="a", typing=True)
    assert pressed("/", "backspace").filter == ""


def test_a_filter_is_no_longer_than_an_id() -> None:
    """What is pasted is cut."""
    assert pressed("/", *"x" * 100).filter == "x" * FILTER_MAX


def test_a_new_filter_begins_at_the_top() -> None:
    """What it leaves is seen from its first row."""
    assert pressed("end", "/", "a", "enter").first == 0


@pytest.mark.parametrize("key", ["?", "h"])
def test_help_is_shown_until_a_key(key: str) -> None:
    """Any key goes back, and does nothing else."""
    assert pressed(key).help
    assert pressed(key, "n") == Control()


def test_other_keys_do_nothing() -> None:
    """What is not a key of top changes nothing."""
    assert pressed("x", "\x01", "backspace", "enter") == Control()


@pytest.mark.parametrize(
    ("text", "found"),
    [("", True), ("GATE", True), ("te-1", True), ("gate-?", True), ("*1", True), ("idle", True), ("id", True),
     ("yard", False), ("gate", True), ("running", False), ("g?", False)],
)  # fmt: skip
def test_what_a_filter_leaves(text: str, found: bool) -> None:
    """A part of the id in any case, a pattern for all of it, or how its state begins."""
    assert matches(text, "Gate-1", "idle") is found


def test_every_key_is_in_the_help() -> None:
    """The help names each letter and sign."""
    said = " ".join(line[:13] for line in HELP)
    assert all(f" {key} " in f" {said} " for key in "snfc<>r/?qjk")
