from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import PROJECT
from ruth.export import picture as module
from ruth.export.picture import DAMAGED_PICTURE, MATRICES, RANGES, Picture, pack_picture, unpack_picture

PICTURES = [
    Picture(of_range, matrix, damaged)
    for of_range in RANGES
    for matrix in MATRICES
    for damaged in (False, True)
]


@pytest.mark.parametrize("picture", PICTURES, ids=str)
def test_what_is_packed_unpacks_to_itself(picture: Picture) -> None:
    """Every picture that has a name is the same after a record carried it, and fills no more than 3 bytes."""
    assert unpack_picture(pack_picture(picture)) == picture
    assert pack_picture(picture) < 2**24


def test_the_bytes_are_those_of_the_document() -> None:
    """Each value in the table of docs/frame-export.md is the number by which a record says it."""
    page = (PROJECT / "docs" / "frame-export.md").read_text(encoding="utf-8")
    of_range, matrix, marks = (
        re.search(rf"^\| {byte} \| {name} \| (.+) \|$", page, re.MULTILINE)
        for byte, name in enumerate(("range", "matrix", "flags"))
    )
    assert of_range is not None
    assert matrix is not None
    assert marks is not None
    said = [part.strip().split(" ")[:2] for part in re.sub(r"\(.*?\)", "", of_range[1]).split(";")]
    assert said == [[str(number), name or "not"] for number, name in enumerate(RANGES)]
    said = [part.strip().split(" ")[:2] for part in matrix[1].split(";")]
    assert [[number, name.replace(".", "").lower()] for number, name in said] == [
        [str(number), name or "not"] for number, name in enumerate(MATRICES)
    ]
    assert marks[1].startswith("bit 0: the decoder reported damage")
    assert pack_picture(Picture("full", "bt2020", damaged=True)).to_bytes(4, "little") == b"\2\3\1\0"
    assert pack_picture(Picture(damaged=True)) == DAMAGED_PICTURE


def test_nothing_said_is_zero() -> None:
    """A writer that knows nothing stores what every writer stored before: zero."""
    assert pack_picture(Picture()) == 0
    assert unpack_picture(0) == Picture(None, None, damaged=False)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_what_is_not_known_is_not_said(number: int) -> None:
    """Any number is a picture: each byte is looked at alone, and one that is in no table says nothing."""
    of_range, matrix, marks, _ = number.to_bytes(4, "little")
    assert unpack_picture(number) == (
        {1: "limited", 2: "full"}.get(of_range),
        {1: "bt601", 2: "bt709", 3: "bt2020"}.get(matrix),
        marks % 2 == 1,
    )


def test_a_wrong_name_is_refused_with_the_right_ones() -> None:
    """A range or a matrix of another name is an error that names it and what is allowed."""
    with pytest.raises(ValueError, match=r"^range 'tv', allowed is one of None, 'limited', 'full'$"):
        pack_picture(Picture("tv"))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^matrix 'BT.709', allowed is one of None, 'bt601', 'bt709'"):
        pack_picture(Picture(matrix="BT.709"))  # type: ignore[arg-type]


def test_the_list_of_bytes_is_the_constants() -> None:
    """The list at the head of the module names each byte at its own place."""
    listed = re.findall(r"^    byte (\d)  (\w+)", module.__doc__ or "", re.MULTILINE)
    assert [(int(at), name) for at, name in listed] == [
        (module.RANGE_BYTE, "range"),
        (module.MATRIX_BYTE, "matrix"),
        (module.MARKS_BYTE, "flags"),
        (3, "zero"),
    ]
