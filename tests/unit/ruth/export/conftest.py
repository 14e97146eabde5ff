"""Fixtures of readers: a camera's directory below the test's own root, and a reader of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ruth.export.source import ExportSource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Roots


@pytest.fixture
def camera(roots: Roots) -> Path:
    """An empty directory of a camera."""
    path = roots.export / "front-door"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def source(roots: Roots) -> Iterator[ExportSource]:
    """A reader of that camera."""
    with ExportSource(str(roots.export), "front-door") as made:
        yield made
