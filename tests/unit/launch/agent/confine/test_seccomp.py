"""The filter's program, followed here as the kernel does: what it lets through, and what it refuses."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import re
import shutil
import struct
import subprocess
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launch.agent.confine.numbers import MSEAL, NUMBERS
from launch.agent.confine.seccomp import program
from ruth.agent.state import NOTIFY_OFFSET

X86_64: Final = 0xC000003E
AARCH64: Final = 0xC00000B7
ALLOWED: Final = NUMBERS["x86_64"].allowed
ALLOW: Final = 0x7FFF0000
REFUSE: Final = 0x00050000 | errno.EPERM
PATHS: Final = (0x7F00_0000_1000, 0x7F00_0000_100B, 0x7F00_0000_1016)
READ_ONLY: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
OPENAT, ADD_WATCH, WRITE, PWRITE, CLOSE, MMAP, FCNTL = 257, 254, 1, 18, 3, 9, 72
WITH_ARGUMENTS: Final = {OPENAT, ADD_WATCH, WRITE, PWRITE, CLOSE, MMAP, FCNTL}
STATE: Final = 3
INSTRUCTION: Final = struct.Struct("=HBBI")
# linux/bpf_common.h: load a word, and, jump if equal, jump if at least, return.
LOAD, AND, EQUAL, AT_LEAST, RETURN = 0x20, 0x54, 0x15, 0x35, 0x06


class InvalidProgramError(Exception):
    """What the kernel would not take."""


def follow(content: bytes, number: int, arguments: tuple[int, ...] = (), architecture: int = X86_64) -> int:
    """What the program returns for a system call, as the kernel follows it (bpf(2), "classic BPF")."""
    data = struct.pack("=IIQ6Q", number, architecture, 0, *arguments, *(0,) * (6 - len(arguments)))
    instructions = list(INSTRUCTION.iter_unpack(content))
    accumulator = at = 0
    while at < len(instructions):
        code, then, otherwise, value = instructions[at]
        at += 1
        if code == LOAD:
            (accumulator,) = struct.unpack_from("=I", data, value)
        elif code == AND:
            accumulator &= value
        elif code == EQUAL:
            at += then if accumulator == value else otherwise
        elif code == AT_LEAST:
            at += then if accumulator >= value else otherwise
        elif code == RETURN:
            return int(value)
        else:
            raise InvalidProgramError(f"instruction {code:#x}")
    raise InvalidProgramError("its end is reached without an answer")


sealed, open_to_any = (program(paths, STATE, NUMBERS["x86_64"]) for paths in (PATHS, None))
both = pytest.mark.parametrize("content", [sealed, open_to_any], ids=["sealed", "any path"])


@both
def test_every_instruction_is_reached_and_none_leads_outside(content: bytes) -> None:
    """Jumps are forward, within 255 instructions, and end at an answer."""
    instructions = list(INSTRUCTION.iter_unpack(content))
    assert len(instructions) <= 4096  # BPF_MAXINSNS
    reached = {0}
    for at, (code, then, otherwise, _) in enumerate(instructions):
        assert at in reached
        if code in (EQUAL, AT_LEAST):
            reached |= {at + 1 + then, at + 1 + otherwise}
        elif code != RETURN:
            reached.add(at + 1)
    assert max(reached) < len(instructions)


@both
@pytest.mark.parametrize("number", ALLOWED.values(), ids=ALLOWED)
def test_what_an_agent_has_a_use_for_is_let_through(content: bytes, number: int) -> None:
    """Whatever its arguments are."""
    assert follow(content, number) == ALLOW
    assert follow(content, number, (2**64 - 1,) * 6) == ALLOW


@both
@settings(derandomize=True, max_examples=400, deadline=None)
@given(
    number=st.integers(0, 2**32 - 1) | st.integers(0, 470),
    arguments=st.tuples(*[st.integers(0, 2**64 - 1)] * 6),
)
def test_everything_else_is_refused(content: bytes, number: int, arguments: tuple[int, ...]) -> None:
    """Any call that is not listed, with any arguments."""
    if number not in ALLOWED.values() and number not in WITH_ARGUMENTS:
        assert follow(content, number, arguments) == REFUSE


@both
@pytest.mark.parametrize("architecture", [0x40000003, AARCH64, 0])
def test_another_machines_calls_are_refused(content: bytes, architecture: int) -> None:
    """Its numbers mean other calls."""
    for number in range(470):
        assert follow(content, number, (), architecture) == REFUSE


@pytest.mark.parametrize("path", PATHS)
def test_this_cameras_files_are_opened_for_reading(path: int) -> None:
    """By the address of the path, and with no flag that writes or makes."""
    assert follow(sealed, OPENAT, (4, path, READ_ONLY)) == ALLOW
    for flag in (os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC):
        assert follow(sealed, OPENAT, (4, path, READ_ONLY | flag)) == REFUSE


@pytest.mark.parametrize("call", [OPENAT, ADD_WATCH])
@pytest.mark.parametrize("by", [1, -1, 2**32, -(2**32), 2**63])
@pytest.mark.parametrize("path", PATHS)
def test_no_other_path_is_opened_or_watched(call: int, by: int, path: int) -> None:
    """Not one that differs in either half of its address."""
    if path + by not in PATHS:
        assert follow(sealed, call, (4, (path + by) % 2**64, READ_ONLY)) == REFUSE


def test_this_cameras_directory_is_watched() -> None:
    """With whatever is to be heard of it."""
    assert follow(sealed, ADD_WATCH, (4, PATHS[2], 0xFFFFFFFF)) == ALLOW


def test_where_nothing_can_be_sealed_any_path_is_opened_for_reading() -> None:
    """And none for writing."""
    assert follow(open_to_any, OPENAT, (4, 99, READ_ONLY)) == ALLOW
    assert follow(open_to_any, ADD_WATCH, (4, 99, 0)) == ALLOW
    assert follow(open_to_any, OPENAT, (4, 99, READ_ONLY | os.O_WRONLY)) == REFUSE


@both
def test_descriptors_that_all_programs_have_stay(content: bytes) -> None:
    """0 to 2 are not closed, and 1 and 2 are all that is written to."""
    assert [follow(content, CLOSE, (number,)) for number in range(5)] == [REFUSE] * 3 + [ALLOW] * 2
    assert [follow(content, WRITE, (number,)) for number in range(5)] == [
        REFUSE,
        ALLOW,
        ALLOW,
        REFUSE,
        REFUSE,
    ]


@both
def test_of_its_state_only_the_notice_is_written(content: bytes) -> None:
    """One byte at its place, by the state's descriptor: no number may differ, in either half."""
    notice = (STATE, 0x7F00_0000_2000, 1, NOTIFY_OFFSET)
    assert follow(content, PWRITE, notice) == ALLOW
    for argument in (0, 2, 3):
        for by in (1, -1, 2**20, 2**32, 2**63):
            changed = list(notice)
            changed[argument] = (changed[argument] + by) % 2**64
            assert follow(content, PWRITE, tuple(changed)) == REFUSE


@both
def test_memory_that_counts_against_no_limit_is_not_mapped(content: bytes) -> None:
    """Neither shared memory without a file, nor what grows as a stack does."""
    shared, private, anonymous = mmap.MAP_SHARED, mmap.MAP_PRIVATE, mmap.MAP_ANONYMOUS
    for flags, answer in (
        (private, ALLOW),
        (shared, ALLOW),
        (private | anonymous, ALLOW),
        (shared | anonymous, REFUSE),
        (private | anonymous | 0x100, REFUSE),  # MAP_GROWSDOWN
    ):
        assert follow(content, MMAP, (0, 4096, 3, flags)) == answer


@both
def test_of_fcntl_only_a_copy_that_is_closed_on_exec(content: bytes) -> None:
    """Which is what mmap(2) in Python makes; no lock, no owner, no signal."""
    for command in range(2048):
        wanted = ALLOW if command == fcntl.F_DUPFD_CLOEXEC else REFUSE
        assert follow(content, FCNTL, (5, command)) == wanted


def test_the_follower_refuses_what_the_kernel_would() -> None:
    """An unknown instruction, and a program without an answer."""
    for content in (INSTRUCTION.pack(0x99, 0, 0, 0), INSTRUCTION.pack(LOAD, 0, 0, 0)):
        with pytest.raises(InvalidProgramError):
            follow(content, 0)


# --- 64-bit Arm -------------------------------------------------------------------------------------------

on_arm = program(PATHS, STATE, NUMBERS["aarch64"])


def test_the_same_filter_has_each_machines_numbers() -> None:
    """For each call that both have, the filter of 64-bit Arm answers as that of x86-64; it refuses others."""
    arm, x86 = NUMBERS["aarch64"], NUMBERS["x86_64"]
    arguments: tuple[tuple[int, ...], ...] = (
        (4, PATHS[1], READ_ONLY),
        (4, PATHS[1] + 1, READ_ONLY),
        (4, PATHS[1], READ_ONLY | os.O_WRONLY),
        (1, 0, 3, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS),
        (STATE, 0, 1, NOTIFY_OFFSET),
        (5, fcntl.F_DUPFD_CLOEXEC),
    )
    pairs = [(arm.allowed[name], ALLOWED[name]) for name in arm.allowed]
    pairs += [
        (getattr(arm, name), getattr(x86, name))
        for name in ("openat", "add_watch", "write", "pwrite", "close", "mmap", "fcntl")
    ]
    for there, here in pairs:
        for one in arguments:
            assert follow(on_arm, there, one, AARCH64) == follow(sealed, here, one)
    known = {there for there, _ in pairs}
    for number in set(range(500)) - known:
        assert follow(on_arm, number, arguments[0], AARCH64) == REFUSE
    for number in range(500):
        assert follow(on_arm, number, arguments[0], X86_64) == REFUSE


@pytest.mark.parametrize(("machine", "compiler"), [("x86_64", "gcc"), ("aarch64", "aarch64-linux-gnu-gcc")])
def test_the_numbers_are_the_kernels(machine: str, compiler: str) -> None:
    """Each call's number and the machine's name for filters, compared with the kernel's own headers."""
    if shutil.which(compiler) is None or (machine == "x86_64" and os.uname().machine != machine):
        pytest.skip(f"{compiler} for {machine} is not installed")
    numbers = NUMBERS[machine]
    ours = {"pwrite64": numbers.pwrite, "inotify_add_watch": numbers.add_watch, **numbers.allowed}
    ours |= {name: getattr(numbers, name) for name in ("seccomp", "mprotect", "openat", "write", "close")}
    ours |= {"mmap": numbers.mmap, "fcntl": numbers.fcntl}
    asked = "".join(f"{name} = __NR_{name}\n" for name in ours)
    source = "#include <asm/unistd.h>\n#include <linux/audit.h>\nASKED\n"
    source += f"{asked}arch = AUDIT_ARCH_{machine.upper()}"
    answer = subprocess.run(
        [compiler, "-E", "-P", "-x", "c", "-"], input=source, capture_output=True, text=True, check=True
    ).stdout.partition("ASKED")[2]
    found = dict(re.findall(r"(\w+) = (\d+)", answer))
    assert {name: int(found[name]) for name in ours} == ours
    machine_number = {"x86_64": "62", "aarch64": "183"}[machine]  # EM_*, with two flags (linux/audit.h)
    assert machine_number in re.findall(r"\w+", answer.partition("arch =")[2])
    assert numbers.architecture == 0xC0000000 | int(machine_number)
    assert MSEAL == 462  # newer than the headers of many systems
