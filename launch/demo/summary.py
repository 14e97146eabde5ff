"""What ``ruth demo`` found, as values: for a human, and as the object that ``--json`` prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from launch.screen.table import capped, format_table
from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from ruth.agent.state import AgentRecord, ModelState


class Killed(NamedTuple):
    """Whose agent was killed, when, and what the kernel says it died of."""

    camera_id: str
    pid: int
    at_s: float
    death: str | None


@dataclass(frozen=True, slots=True)
class ModelOutcome:
    """One subscription.

    Attributes:
        allowed: Frames allowed since counting began.
        rate: Frames a second of frame time, from the last one allowed before to the last one that was allowed
            while they were watched; None if there is none before, or none since.

    """

    model_id: str
    max_fps: float | None
    allowed: int
    rate: float | None


@dataclass(frozen=True, slots=True)
class CameraOutcome:
    """One camera, counted from the frame that its agent had observed when counting began.

    Attributes:
        published: Frames that the stand-in VAS published after it; all of them if none was observed.
        observed: Frames that the agent observed.
        missed: ``published - observed``: never observed by the agent, alive or not.

    """

    camera_id: str
    published: int
    observed: int
    missed: int
    models: tuple[ModelOutcome, ...]


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """The whole demo.

    Attributes:
        launcher_output_bytes: What the launcher wrote, to stdout and stderr, after it had launched.
        exporting: Whether the flag was on.
        left_behind: What the demo could not end or remove, found by looking; empty if all is gone.

    """

    cameras: tuple[CameraOutcome, ...]
    killed: Killed
    launcher_output_bytes: int
    seconds: float
    exporting: bool
    left_behind: tuple[str, ...] = ()

    @property
    def survivors_missed(self) -> int:
        """Frames missed by all agents that were not killed."""
        return sum(camera.missed for camera in self.cameras if camera.camera_id != self.killed.camera_id)

    def as_json(self) -> dict[str, object]:
        """The object that ``ruth demo --json`` prints."""
        cameras = [
            {
                "camera_id": camera.camera_id,
                "published": camera.published,
                "observed": camera.observed,
                "missed": camera.missed,
                "models": [
                    {
                        "model_id": model.model_id,
                        "max_fps": model.max_fps,
                        "allowed": model.allowed,
                        "rate": model.rate,
                    }
                    for model in camera.models
                ],
            }
            for camera in self.cameras
        ]
        killed = {
            "camera_id": self.killed.camera_id,
            "at_s": self.killed.at_s,
            "death": self.killed.death,
        }
        return {
            "cameras": cameras,
            "killed": killed,
            "launcher_output_bytes": self.launcher_output_bytes,
        }

    def as_text(self) -> str:
        """The closing summary, for a human."""
        headers = ["CAMERA", "PUBLISHED", "OBSERVED", "MISSED"]
        headers += [capped(model.model_id, model.max_fps) for model in self.cameras[0].models]
        rows = [
            [
                camera.camera_id,
                str(camera.published),
                str(camera.observed),
                str(camera.missed),
                *(_cell(model) for model in camera.models),
            ]
            for camera in self.cameras
        ]
        table = format_table(headers, rows, right="<" + ">" * (len(headers) - 1))
        return f"{table}\n{self._conclusion()}"

    def _conclusion(self) -> str:
        killed = self.killed
        survivors = len(self.cameras) - 1
        lines = [
            "Counted once every camera had settled; in brackets: frames per second of frame time.",
            "A cap (<=) is a maximum, never a target: two frames of a model are never closer than",
            "1/cap, and nothing is made up for later.",
            "",
            f"Agent {killed.pid} of {killed.camera_id} was killed after {killed.at_s:g} s.",
            f"The kernel says: {killed.death or 'nothing'}. It was not restarted.",
            f"Frames missed by the other agents ({survivors}): {self.survivors_missed}.{self._why_missed()}",
            f"Bytes that the launcher wrote meanwhile: {self.launcher_output_bytes}.",
        ]
        if not self.exporting:
            lines.append("AI_FRAME_EXPORT_ENABLED is off: no frame was exported, and no file was made.")
        gone = "All processes are ended, all files in /dev/shm removed."
        lines.append(f"Left behind: {', '.join(self.left_behind)}" if self.left_behind else gone)
        return "\n".join(lines) + "\n"

    def _why_missed(self) -> str:
        if not self.survivors_missed:
            return ""
        return " This machine was too busy for a moment; a late agent decides on what the ring still holds."


def camera_outcome(
    before: AgentRecord, watched: AgentRecord, after: AgentRecord, published: int
) -> CameraOutcome:
    """Compares what one agent saw with how many frames there were.

    Args:
        before: What the agent had published when counting began.
        watched: What it had published when the video server was told to end; rates are those up to then.
        after: What it left; its frame ids are those of the export, which begin at 0.
        published: Frames published in total.

    """
    since = published if before.frame_id is None else published - before.frame_id - 1
    observed = after.frames - before.frames
    return CameraOutcome(
        camera_id=after.camera_id,
        published=since,
        observed=observed,
        missed=since - observed,
        models=tuple(map(_model_outcome, before.models, watched.models, after.models)),
    )


def _model_outcome(before: ModelState, watched: ModelState, after: ModelState) -> ModelOutcome:
    rate = None
    if before.last_timestamp_ns is not None and watched.last_timestamp_ns is not None:
        span_ns = watched.last_timestamp_ns - before.last_timestamp_ns
        allowed = watched.allowed - before.allowed
        rate = round(allowed / (span_ns / NANOSECONDS), 3) if span_ns > 0 else None
    return ModelOutcome(after.model_id, after.max_fps, after.allowed - before.allowed, rate)


def _cell(model: ModelOutcome) -> str:
    rate = "-" if model.rate is None else f"{model.rate:.2f}"
    return f"{model.allowed} ({rate})"
