"""Ruth: what is known and decided about frames. No process, thread, sleep, signal or fork lives here.

One folder is one failure domain or one border of docs/specification.md: ``vas`` writes an export, ``export``
reads one, ``subscription`` and ``agent`` decide, ``core`` knows which agent exists, ``runtime`` gives a model
its frames. Processes are in ``launch``.

For model runtimes: :func:`attach`, which gives a :class:`Stream` of :class:`Frame`. They are imported when
they are first asked for, because agents import this package too and must not load numpy. For decoders:
:func:`open_exporter`, which gives an exporter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ruth.version import __version__ as __version__

if TYPE_CHECKING:
    from ruth.runtime.frame import Frame as Frame
    from ruth.runtime.stream import Stream as Stream
    from ruth.runtime.stream import attach as attach
    from ruth.vas.exporter import open_exporter as open_exporter


def __getattr__(name: str) -> object:
    """``attach``, ``Stream``, ``Frame`` and ``open_exporter``, imported at this moment (PEP 562)."""
    if name in ("Stream", "attach"):
        from ruth.runtime import stream

        return getattr(stream, name)
    if name == "Frame":
        from ruth.runtime.frame import Frame

        return Frame
    if name == "open_exporter":
        from ruth.vas.exporter import open_exporter

        return open_exporter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
