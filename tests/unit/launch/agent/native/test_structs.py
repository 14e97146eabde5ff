"""Structs that are declared once: packed in Python, compiled in C, and held together by the compiler."""

from __future__ import annotations

import ctypes
import struct
from typing import TYPE_CHECKING, NamedTuple

import pytest

from launch.agent.native import structs
from launch.agent.native.build import compile_library
from launch.agent.native.structs import AGENT, CALL, I64, START, SUBSCRIPTION, U64, CallWords, Packed, Record

if TYPE_CHECKING:
    from pathlib import Path

INCLUDED = "#include <stddef.h>\n#include <stdint.h>\n"


class Mixed(NamedTuple):
    """One field of each kind."""

    number: U64
    record: Record
    signed: I64


def test_what_is_packed_is_read_back() -> None:
    """Every field keeps its value, and what does not fit is refused."""
    packed = Packed(Mixed, "mixed")
    memory = ctypes.create_string_buffer(packed.size + 8)
    words = Mixed(2**64 - 1, bytes(range(64)), -5)
    packed.pack_into(memory, 8, words)
    assert packed.unpack_from(memory, 8) == words
    with pytest.raises(struct.error):
        packed.pack_into(memory, 8, words._replace(number=-1))


def test_each_field_lies_in_c_where_python_has_it(tmp_path: Path) -> None:
    """The definitions compile, assertions of every offset and size among them."""
    source = INCLUDED + structs.definitions()
    assert source.count("offsetof") == sum(
        len(words._fields)
        for words in (structs.SubscriptionWords, structs.AgentWords, structs.CallWords, structs.StartWords)
    )
    assert compile_library(source.encode(), str(tmp_path / "structs.so")) is None


def test_a_field_that_lies_elsewhere_is_not_compiled(tmp_path: Path) -> None:
    """The assertions are such that one field more in C fails them."""
    source = INCLUDED + CALL.definition().replace("uint64_t second;", "uint64_t more, second;")
    problem = compile_library(source.encode(), str(tmp_path / "structs.so"))
    assert problem is not None
    assert "second" in problem


def test_sizes_are_those_of_the_fields() -> None:
    """No struct has a hole."""
    assert (SUBSCRIPTION.size, CALL.size) == (12 * 8, 7 * 8)
    assert len(CALL.pack(CallWords(*range(7)))) == CALL.size
    assert AGENT.size == (len(structs.AgentWords._fields) - 2) * 8 + 2 * 64
    assert START.size == len(structs.StartWords._fields) * 8
