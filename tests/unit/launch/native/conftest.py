"""What agents do in C, compiled for these tests from what stands there now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from launch.native.build import build
from launch.native.library import VARIABLE, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch.native.library import Native


@pytest.fixture(autouse=True, scope="session")
def not_ruled_out() -> Iterator[None]:
    """They are wanted here, whoever runs these tests without it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(VARIABLE, raising=False)
        yield


@pytest.fixture(scope="session")
def native(tmp_path_factory: pytest.TempPathFactory) -> Native:
    """Their functions."""
    library = str(tmp_path_factory.mktemp("native") / "native.so")
    assert build(library, "-Wall", "-Wextra", "-Werror") is None
    loaded, problem = load(library)
    assert loaded is not None, problem
    return loaded
