"""The exporter while ``AI_FRAME_EXPORT_ENABLED`` is off: it does nothing, and holds nothing."""

from __future__ import annotations

from typing import Final, Self


class NullExporter:
    """Does nothing, holds nothing: the exporter while ``AI_FRAME_EXPORT_ENABLED`` is off."""

    # In a slot, and not of the class: the interpreter finds a slot's value without looking a name up, in a
    # third of the instructions. It is all that a frame costs with the flag off.
    __slots__ = ("enabled",)

    published: Final = 0
    problem: Final = None

    def __init__(self) -> None:
        self.enabled: Final = False

    def begin_frame(self) -> None:
        """None: there is no buffer."""

    def commit(self, timestamp_ns: int, damaged: bool = False) -> bool:
        """False: nothing was published."""
        return False

    def abandon(self) -> None:
        """Nothing was begun."""

    def publish(
        self,
        frame: object,
        timestamp_ns: int | None = None,
        damaged: bool = False,
        *,
        presentation_ns: int | None = None,
    ) -> bool:
        """False: nothing was published."""
        return False

    publish_bgr = publish_rgb = publish

    def resize(self, width: int, height: int, stride: int | None = None) -> bool:
        """False: nothing is exported."""
        return False

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


NULL_EXPORTER: Final = NullExporter()
