"""A pytest plugin of ``tests/coverage``: each test is counted, whatever the one before has done.

Python ends tracing when an exception comes out of it: at the limit of recursion, or from a signal handler.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import pytest
from sitecustomize import start

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_configure() -> None:
    """Counts threads as well."""
    threading.settrace(start)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol() -> Iterator[None]:
    """Counts this test and its fixtures."""
    sys.settrace(start)
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call() -> Iterator[None]:
    """Counts it also if a fixture has ended that."""
    sys.settrace(start)
    return (yield)
