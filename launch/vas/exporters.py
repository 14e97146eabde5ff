"""Which exporter a camera of the stand-in gets, and that no two stand-ins write one camera's export.

Imported only with the flag on. Two writers would each replace the other's files, and the first to end would
leave the second writing into files that nobody can open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch.vas.version1 import Version1Exporter
from ruth.export.layout import VERSION_1
from ruth.identity import camera_directory, export_root
from ruth.vas.exporter import NULL_EXPORTER, open_exporter
from ruth.vas.files import ExportDirectory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import ExitStack

    from launch.vas.camera import OpenExporter
    from launch.vas.tap import Exporter


def exporters(
    environ: Mapping[str, str], version: int, say: Callable[[str], None], held: ExitStack
) -> OpenExporter:
    """Makes a camera's exporter once its picture's size is known.

    Args:
        environ: Where the flag and the export root are looked up.
        version: 2, or 1 to export as the frozen VAS does.
        say: Gets one message for a camera that cannot be exported.
        held: Keeps each camera's directory locked until it is left.

    """
    root = export_root(environ)

    def open_for(camera_id: str, width: int, height: int) -> Exporter:
        def report(problem: str) -> None:
            say(f"{camera_id}: not exported: {problem}")

        try:
            directory = ExportDirectory(camera_directory(root, camera_id))
        except OSError as error:
            report(f"{root}/{camera_id}: {error.strerror}")
            return NULL_EXPORTER
        held.callback(directory.close)
        if not directory.try_lock():
            report("another ruth vas exports this camera")
            return NULL_EXPORTER
        if version == VERSION_1:
            return Version1Exporter(root, camera_id, width, height, report)
        return open_exporter(camera_id, width, height, environ=environ, report=report)

    return open_for
