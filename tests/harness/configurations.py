"""What is wrong with a configuration, for tests of its rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from launch.prepare.config.plan import ConfigError, parse_config

if TYPE_CHECKING:
    from launch.prepare.config.problem import Problem


def problems(text: str) -> tuple[Problem, ...]:
    """All that is wrong with a text."""
    with pytest.raises(ConfigError) as raised:
        parse_config(text)
    return raised.value.problems


def problem(text: str) -> Problem:
    """The only thing that is wrong with a text."""
    (only,) = problems(text)
    return only
