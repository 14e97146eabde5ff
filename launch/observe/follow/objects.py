"""What happened, as JSON: one object a line (docs/commands/follow.md)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from launch.observe.follow.changes import AgentMissed, AgentSeen, ExportSeen, Gap

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch.observe.follow.changes import Change


class ObjectWriter:
    """Turns changes into lines of JSON.

    Args:
        camera_id: The camera.
        models: The only models to show; none for all.

    """

    __slots__ = ("_camera_id", "_wanted")

    def __init__(self, camera_id: str, models: frozenset[str]) -> None:
        self._camera_id = camera_id
        self._wanted: Callable[[str], bool] = (lambda model_id: model_id in models) if models else bool

    def text(self, change: Change) -> str:
        """One line, ended by a newline."""
        event, fields = self._object(change)
        return json.dumps({"event": event, "camera_id": self._camera_id, **fields}) + "\n"

    def _object(self, change: Change) -> tuple[str, dict[str, object]]:
        if isinstance(change, AgentSeen):
            return "agent", change._asdict()
        if isinstance(change, ExportSeen):
            export = f"v{change.version}" if change.version else None
            return "export", {"export": export, "session": change.session, "reason": change.reason}
        if isinstance(change, AgentMissed):
            return "missed", {"frames": change.frames}
        if isinstance(change, Gap):
            models = [model._asdict() for model in change.models if self._wanted(model.model_id)]
            return "gap", {"frames": change.frames, "models": models}
        return "frame", {
            "frame_id": change.frame_id,
            "timestamp_ns": change.timestamp_ns,
            "decided_ns": change.decided_ns,
            "models": [
                {
                    "model_id": model.model_id,
                    "decision": model.last_decision.name,
                    "allowed": model.allowed,
                    "skipped": model.skipped,
                }
                for model in change.models
                if self._wanted(model.model_id)
            ],
        }
