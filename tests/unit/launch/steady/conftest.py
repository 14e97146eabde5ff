"""The steady loops, compiled for these tests from what stands there now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from launch.steady.build import build
from launch.steady.library import VARIABLE, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch.steady.library import Loops


@pytest.fixture(autouse=True, scope="session")
def not_ruled_out() -> Iterator[None]:
    """They are wanted here, whoever runs these tests without it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(VARIABLE, raising=False)
        yield


@pytest.fixture(scope="session")
def loops(tmp_path_factory: pytest.TempPathFactory) -> Loops:
    """Their functions."""
    library = str(tmp_path_factory.mktemp("steady") / "loops.so")
    assert build(library, "-Wall", "-Wextra", "-Werror") is None
    loaded, problem = load(library)
    assert loaded is not None, problem
    return loaded
