"""Rules that are compiled from Python: the same answers, and nothing that C would take another way."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launch.agent.native import rules
from launch.agent.native.build import compile_library
from ruth.export.layout import (
    FLAG_WAKES,
    RECORD_FIELDS,
    RING_FIELDS,
    WAKE_OFFSET,
    RingHeader,
    pack_ring,
)
from ruth.export.validity import is_same_ring
from ruth.native.rules import FUNCTIONS, RULES, NotCompilableError, function_in_c

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EVERY: Final = list(
    dict.fromkeys([*FUNCTIONS, *rules.FUNCTIONS, *(rule.holds for named in RULES.values() for rule in named)])
)
UINT64_MAX: Final = 2**64 - 1
LIMIT: Final = 5
# What a field can hold: 128 bits are enough for what rules make of those, and not of any numbers at all.
WIDEST: Final = {field.name: 2 ** (8 * field.size) - 1 for field in (*RECORD_FIELDS, *RING_FIELDS)}

numbers = (
    st.integers(0, 64)
    | st.sampled_from([4096, 8192, 2**32 - 1, 2**63, UINT64_MAX])
    | st.integers(0, UINT64_MAX)
)


def exported(function: Callable[..., int]) -> str:
    """A function that can be called from outside: its arguments, and its answer's two halves."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    parameters = ", ".join(f"uint64_t {name}" for name in names)
    return (
        f"void test_{code.co_name}({parameters}, uint64_t *halves) {{\n"
        f"    wide found = {code.co_name}({', '.join(names)});\n"
        "    halves[0] = (uint64_t)found, halves[1] = (uint64_t)(found >> 64);\n}\n"
    )


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """All of them, each to be called from here."""
    path = str(tmp_path_factory.mktemp("rules") / "rules.so")
    source = "#include <stdint.h>\ntypedef unsigned __int128 wide;\n"
    source += "".join(map(function_in_c, EVERY)) + "".join(map(exported, EVERY))
    assert compile_library(source.encode(), path, "-Wall", "-Wextra", "-Werror") is None
    return ctypes.CDLL(path)


@pytest.mark.parametrize("function", EVERY, ids=lambda function: function.__name__)
@settings(derandomize=True, max_examples=200, deadline=None)
@given(data=st.data())
def test_a_rule_says_the_same_in_c(
    compiled: ctypes.CDLL, function: Callable[..., int], data: st.DataObject
) -> None:
    """Whatever the numbers are that its fields can hold."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    drawn = data.draw(st.tuples(*[numbers] * len(names)))
    arguments = [number & WIDEST.get(name, UINT64_MAX) for name, number in zip(names, drawn, strict=True)]
    try:
        wanted = int(function(*arguments))
    except ZeroDivisionError:  # asked only of a valid ring
        return
    halves = (ctypes.c_uint64 * 2)()
    compiled[f"test_{function.__name__}"](*map(ctypes.c_uint64, arguments), halves)
    assert halves[0] | halves[1] << 64 == wanted % 2**128


def chosen(one: int, other: int) -> int:
    """A choice, a chain, a module's constant."""
    return one + LIMIT if 0 < one < other or not other else one * other


def test_what_is_known_is_compiled() -> None:
    """The words of the language, in C."""
    assert "return " in function_in_c(chosen)
    assert "((wide)0u < one && one < other) || !other)" in function_in_c(chosen)
    assert "(one + (wide)5u)" in function_in_c(chosen)


def negative(one: int) -> int:
    """C has no number below 0 there."""
    return one - 1


def statement(one: int) -> int:
    """More than an expression."""
    one += 1
    return one


def unknown(one: int) -> int:
    """A function that is none of those."""
    return abs(one)


def divided(one: int) -> float:
    """Not a whole number."""
    return one / 2


def shifted(one: int) -> int:
    """Not on the list."""
    return one << 1


@pytest.mark.parametrize("function", [negative, statement, unknown, divided, shifted])
def test_anything_else_is_refused(function: Callable[..., int]) -> None:
    """What C would take another way is not a rule for it, and the function is named."""
    with pytest.raises(NotCompilableError, match=function.__name__):
        function_in_c(function)


LOADS = """
#include <stdint.h>
#include <string.h>
static inline uint64_t load64(const unsigned char *bytes, int at) {
    uint64_t value;
    memcpy(&value, bytes + at, sizeof value);
    return value;
}
static inline uint32_t load32(const unsigned char *bytes, int at) {
    uint32_t value;
    memcpy(&value, bytes + at, sizeof value);
    return value;
}
"""
SAME_RING = """
int test(const unsigned char *one, const unsigned char *other) {
    const struct ring_header a = unpack_ring_header(one), b = unpack_ring_header(other);
    return is_same_ring(&a, &b);
}
"""


def test_the_same_ring_is_one_whose_lasting_fields_are_the_same(tmp_path: Path) -> None:
    """In C as in Python, field by field: its wake word and flags may change, nothing else."""
    path = str(tmp_path / "rings.so")
    source = f"{LOADS}{rules.definitions()}{SAME_RING}"
    assert compile_library(source.encode(), path) is None
    same_in_c = ctypes.CDLL(path).test
    ring = RingHeader(wake=7, slot_count=4, slot_size=8192, data_inode=12, epoch=99, flags=FLAG_WAKES)
    for name in RingHeader._fields:
        other = ring._replace(**{name: getattr(ring, name) + 1})
        metas = [bytes(WAKE_OFFSET) + pack_ring(one) for one in (ring, other)]
        assert is_same_ring(ring, other) == bool(same_in_c(*metas)) == (name in {"wake", "flags"}), name


def test_every_rule_of_validity_is_compiled() -> None:
    """The conjunctions name each of their rules."""
    text = rules.definitions()
    for name, named in RULES.items():
        body = text[text.index(f"static inline int {name}(") :].partition("}\n")[0]
        assert [body.count(f"{rule.holds.__name__}(") for rule in named] == [1] * len(named)
