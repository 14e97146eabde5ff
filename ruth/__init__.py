"""Frames of a video server's cameras for AI models: the ones that a model may have, without a copy.

    import ruth
    with ruth.attach("front-door", "person") as stream:   # or ruth.attach_all("person"): every camera
        for frame in stream:
            print(frame.camera_id, frame.frame_id, frame.y.mean(), frame.intact)

For decoders: :func:`open_exporter`. Errors are in :mod:`ruth.errors`. What is here is imported when it is
first asked for: agents import this package as well, and must not load numpy. What else is below ``ruth`` is
no public interface; its map is docs/architecture.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from ruth.version import __version__ as __version__

if TYPE_CHECKING:
    from ruth import errors as errors
    from ruth.runtime.cursor import CameraFrames as CameraFrames
    from ruth.runtime.frame import Frame as Frame
    from ruth.runtime.listing import Camera as Camera
    from ruth.runtime.listing import cameras as cameras
    from ruth.runtime.stream import Stream as Stream
    from ruth.runtime.stream import attach as attach
    from ruth.runtime.streams import Streams as Streams
    from ruth.runtime.streams import attach_all as attach_all
    from ruth.vas.exporter import open_exporter as open_exporter

# Where each public name is; errors is a module itself.
_HOMES: Final = {
    "Camera": "ruth.runtime.listing",
    "CameraFrames": "ruth.runtime.cursor",
    "Frame": "ruth.runtime.frame",
    "Stream": "ruth.runtime.stream",
    "Streams": "ruth.runtime.streams",
    "attach": "ruth.runtime.stream",
    "attach_all": "ruth.runtime.streams",
    "cameras": "ruth.runtime.listing",
    "open_exporter": "ruth.vas.exporter",
}

__all__ = [
    "Camera",
    "CameraFrames",
    "Frame",
    "Stream",
    "Streams",
    "__version__",
    "attach",
    "attach_all",
    "cameras",
    "errors",
    "open_exporter",
]


def __getattr__(name: str) -> object:
    """A public name, imported at this moment (PEP 562)."""
    if name == "errors":
        return import_module("ruth.errors")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    """What is public."""
    return [*__all__]
