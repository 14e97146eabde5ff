"""The steady loop, compiled for these tests from what stands there now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from launch.steady.build import build
from launch.steady.library import VARIABLE, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch.steady.library import Follow


@pytest.fixture(autouse=True, scope="session")
def not_ruled_out() -> Iterator[None]:
    """The loop is wanted here, whoever runs these tests without it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(VARIABLE, raising=False)
        yield


@pytest.fixture(scope="session")
def follow(tmp_path_factory: pytest.TempPathFactory) -> Follow:
    """Its function."""
    library = str(tmp_path_factory.mktemp("steady") / "loop.so")
    assert build(library) is None
    function, problem = load(library)
    assert function is not None, problem
    return function
