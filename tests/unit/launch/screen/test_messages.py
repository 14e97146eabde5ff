from __future__ import annotations

import os
from typing import TYPE_CHECKING

from launch.screen.messages import message

if TYPE_CHECKING:
    import pytest


def test_nothing_raw_in_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    """A message keeps its lines and its escapes; whatever else is not printable is escaped."""
    name = os.fsdecode(b"caf\xe9")
    message(f"ruth: {name}: \x1b[2J\r\nand a second line, \\n")
    assert capsys.readouterr().err == "ruth: caf\\xE9: \\u001B[2J\\r\nand a second line, \\n\n"
