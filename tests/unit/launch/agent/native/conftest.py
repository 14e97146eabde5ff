"""What agents do in C, compiled for these tests from what is there now."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from harness.compiled_steps import StepLibrary
from launch.agent.native.build import build
from launch.agent.native.library import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True, scope="session")
def not_ruled_out() -> Iterator[None]:
    """They are needed here, also where tests run without it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(VARIABLE, raising=False)
        yield


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> StepLibrary:
    """All of it."""
    path = str(tmp_path_factory.mktemp("native") / "native.so")
    options = os.environ.get("RUTH_TEST_NATIVE_OPTIONS", "").split()  # by test_checked.py
    assert build(path, "-Wall", "-Wextra", "-Werror", *options) is None
    return StepLibrary(path)
