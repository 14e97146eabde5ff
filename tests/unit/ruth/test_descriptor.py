from __future__ import annotations

import errno
import os

import pytest

from faults.tracer import CLOSE, Failing, run
from ruth.descriptor import close_descriptor


def close_one_of_two() -> None:
    """Closes a descriptor, and says by what it raises whether that is gone."""
    descriptor = os.dup(0)
    close_descriptor(descriptor)
    os.getppid()  # from here on nothing fails
    assert not os.path.exists(f"/proc/self/fd/{descriptor}")


@pytest.mark.parametrize("error", [errno.EIO, errno.EINTR, errno.ENOSPC])
def test_a_close_that_fails_has_closed(error: int) -> None:
    """Whatever close(2) answers, the descriptor is gone and nothing is raised."""
    closing = run(lambda: None, close_one_of_two).calls.index(CLOSE) + 1
    ran = run(lambda: None, close_one_of_two, Failing(closing, error, for_ever=True))
    assert (ran.failed, ran.code, ran.escaped) == (CLOSE, 0, "")
