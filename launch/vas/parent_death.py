"""Has the kernel signal a child when its parent dies, however that came (prctl(2), PR_SET_PDEATHSIG)."""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable

_PR_SET_PDEATHSIG: Final = 1


def dies_with_parent(number: signal.Signals) -> Callable[[], None]:
    """What a child runs before it executes its program: a ``preexec_fn`` of a single-threaded parent.

    Args:
        number: The signal it gets when its parent dies.

    """
    parent = os.getpid()
    prctl = ctypes.CDLL(None).prctl

    def before_exec() -> None:
        prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it died in between, and the kernel had nothing to remember
            os._exit(1)

    return before_exec
