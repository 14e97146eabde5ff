"""What Ruth raises: one base, few types, and the facts as fields, not only as text."""

from __future__ import annotations


class RuthError(Exception):
    """Base of everything that Ruth raises on purpose."""


class InvalidIdError(RuthError, ValueError):
    """A camera or model id that a path must not be built from (docs/specification.md, "Names").

    Attributes:
        kind: What the id names, ``"camera"`` or ``"model"``.
        value: The refused id, as it was given.
        reason: What is wrong with it, in words.

    """

    def __init__(self, kind: str, value: object, reason: str) -> None:
        super().__init__(f"{kind} id {value!r}: {reason}")
        self.kind = kind
        self.value = value
        self.reason = reason


class InvalidCapError(RuthError, ValueError):
    """A ``max_fps`` that is not a finite number above 0 (docs/specification.md, "Gate rules").

    Attributes:
        value: The refused cap, as it was given.

    """

    def __init__(self, value: object) -> None:
        super().__init__(f"max_fps {value!r}: a finite number above 0, or absent for every frame")
        self.value = value


class AgentStateError(RuthError):
    """A Stream Agent was asked for a change that its state does not allow (docs/specification.md, phase 3.1).

    Attributes:
        camera_id: The agent's camera.
        state: The state it is in, and stays in.
        wanted: What was asked of it.

    """

    def __init__(self, camera_id: str, state: str, wanted: str) -> None:
        super().__init__(f"agent {camera_id!r} is {state}: cannot {wanted}")
        self.camera_id = camera_id
        self.state = state
        self.wanted = wanted


class SubscriptionError(RuthError):
    """A subscription that exists already, or does not exist (identity: camera id, model id).

    Attributes:
        camera_id: The camera of the subscription.
        model_id: The model of the subscription.

    """

    def __init__(self, camera_id: str, model_id: str, problem: str) -> None:
        super().__init__(f"subscription ({camera_id!r}, {model_id!r}) {problem}")
        self.camera_id = camera_id
        self.model_id = model_id


class SharedMemoryError(RuthError, TypeError):
    """Something that views memory of another process was to be copied or pickled as it is."""


class ExportError(RuthError):
    """An export cannot be made: its memory, place or geometry (docs/specification.md, phases 1 and 2).

    Raised only while an export is made or used by its writer; readers get values instead
    (:mod:`ruth.export.source`), and :class:`ruth.vas.exporter.FrameExporter` turns it into one message.

    Attributes:
        directory: Where the export was to be.

    """

    def __init__(self, directory: str, problem: str) -> None:
        super().__init__(f"{directory}: {problem}")
        self.directory = directory
