"""What became of the cameras of one ``ruth vas``, as values."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ruth.text import printable


@dataclass(frozen=True, slots=True)
class CameraSummary:
    """What became of one camera.

    Attributes:
        camera_id: The camera.
        source: Its source, without a password; any character.
        width: Pixels a row; None if no picture came.
        height: Rows; None likewise.
        read: Whole frames read from FFmpeg; 0 with the flag off, when none are asked for.
        published: Frames exported.
        not_exported: ``read - published``.
        recording: Path of the recording, or None if there is none.
        death: None if it ended well or was asked to; else ``"lost"`` for a live source that
            ended or fell silent, ``"exit 1"``, ``"SIGKILL"`` and the like,
            or ``"not started"``, or ``"given up"`` when the system refused something it needs.
        message: If it died, the last error that was told of, or None.
        export_problem: Why it could not export, or not go on exporting; None if it could, or had not to.

    """

    camera_id: str
    source: str
    width: int | None
    height: int | None
    read: int
    published: int
    not_exported: int
    recording: str | None
    death: str | None
    message: str | None
    export_problem: str | None = None

    def __str__(self) -> str:
        size = "no picture" if self.width is None else f"{self.width}x{self.height}"
        text = f"{self.camera_id}: {size}, {self.read} read, {self.published} published, "
        text += f"{self.not_exported} not exported"
        text += f", recorded in {printable(self.recording)}" if self.recording else ""
        return text + (f", {self.death}" if self.death else "")


@dataclass(frozen=True, slots=True)
class VasSummary:
    """What became of all cameras.

    Attributes:
        cameras: One summary a camera, in the order they were given.
        stopped: It was asked to end, or its time was up, while there was still a camera.

    """

    cameras: tuple[CameraSummary, ...]
    stopped: bool

    @property
    def failed(self) -> bool:
        """A camera has failed by itself, or could not export: exit code 1."""
        return any(camera.death is not None or camera.export_problem is not None for camera in self.cameras)

    def as_text(self) -> str:
        """One line per camera, as ``ruth vas`` prints it."""
        return "".join(f"{camera}\n" for camera in self.cameras)

    def as_json(self) -> dict[str, list[dict[str, str | int | None]]]:
        """The object that ``ruth vas --json`` prints."""
        return {"cameras": [asdict(camera) for camera in self.cameras]}
