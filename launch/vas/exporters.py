"""Which exporter a camera of the stand-in gets. Imported only with the flag on: it maps memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch.vas.version1 import Version1Exporter
from ruth.export.layout import VERSION_1
from ruth.identity import export_root
from ruth.vas.exporter import open_exporter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from launch.vas.camera import OpenExporter
    from launch.vas.tap import Exporter
    from ruth.export.picture import Picture


def exporters(
    environ: Mapping[str, str], version: int, slots: int | None, say: Callable[[str], None]
) -> OpenExporter:
    """Makes a camera's exporter once size and kind of its pictures are known.

    Args:
        environ: Where the flag and the export root are looked up.
        version: 2, or 1 to export as the frozen VAS does.
        slots: Frames that a ring of version 2 holds, 2 to 62; the exporter's own default if None.
        say: Gets one message for a camera that cannot be exported.

    """
    root = export_root(environ)

    def open_for(camera_id: str, width: int, height: int, picture: Picture) -> Exporter:
        def report(problem: str) -> None:
            say(f"{camera_id}: not exported: {problem}")

        if version == VERSION_1:
            return Version1Exporter(root, camera_id, width, height, report)
        return open_exporter(
            camera_id,
            width,
            height,
            pixel_range=picture.range,
            matrix=picture.matrix,
            slot_count=slots,
            environ=environ,
            report=report,
        )

    return open_for
