"""Why a runtime gets no frames, in words, for the person who waits for them. Nothing is decided from it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ruth.agent.idle import idle_after_s
from ruth.agent.proc_stat import STATE, STOPPED
from ruth.agent.state_reader import StateReader
from ruth.descriptor import close_descriptor
from ruth.export.files import (
    numbers_files_in_order,
    open_export_directory,
    open_export_file,
)
from ruth.export.layout import (
    VERSION_1,
)
from ruth.export.source import why_absent
from ruth.identity import DATA_NAME, META_NAME, camera_directory
from ruth.text import printable
from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from ruth.agent.state import AgentRecord


def problem_of(state_root: str, export_root: str, camera_id: str, model_id: str) -> str | None:
    """What keeps frames of a subscription from coming, as far as can be told from here.

    Args:
        state_root: Folder of all states.
        export_root: Folder of all exports.
        camera_id: The camera.
        model_id: The model.

    Returns:
        None if the agent lives, has allowed a frame, and goes on observing new ones, and this process can
        open the export.

    """
    try:
        with StateReader(state_root, camera_id) as reader:
            alive, record, refused, process = reader.see()
    except OSError as error:
        where = printable(str(error.filename or state_root))
        reason = "may not be read by you" if isinstance(error, PermissionError) else error.strerror
        return f"camera {camera_id!r} has no agent that can be seen: {where}: {reason}"
    if refused is not None:
        return f"the state of the agent of {camera_id!r} is not used: {refused}"
    if not alive:
        return f"the agent of {camera_id!r} is dead; `ruth up` launches another"
    if record is None:
        return f"the agent of {camera_id!r} has only just been started"
    if process is not None and process[STATE] in STOPPED:  # None as well from another pid namespace
        return f"the agent of {camera_id!r} is stopped; `kill -CONT {record.pid}` continues it"
    by_id = {model.model_id: model for model in record.models}
    model = by_id.get(model_id)
    if model is None:
        return f"the agent of {camera_id!r} has no model {model_id!r}; it has {', '.join(by_id)}"
    if not record.export_version:
        reason = why_absent(export_root, camera_id)
        return f"the agent of {camera_id!r} finds no export" + (f": {reason}" if reason else "")
    unreadable = _unreadable(export_root, camera_id, record.export_version)
    if unreadable is not None:
        return unreadable
    if not model.allowed:
        return f"no frame was allowed yet; the last decision for {model_id!r} was {model.last_decision.name}"
    return _starved(record)


def _unreadable(export_root: str, camera_id: str, version: int) -> str | None:
    """That this process cannot have what the agent has: another root, no right, a mount that is missing."""
    directory = camera_directory(export_root, camera_id)
    try:
        descriptor = open_export_directory(directory)
        try:
            for name in (META_NAME, DATA_NAME):
                file = open_export_file(descriptor, name)[0]
                paired = version != VERSION_1 or numbers_files_in_order(file)
                close_descriptor(file)
                if not paired:
                    return (
                        f"{printable(directory)} is not on a tmpfs of Linux 5.9 or newer: which pixels belong"
                        " to which frame of version 1 cannot be told there"
                    )
        finally:
            close_descriptor(descriptor)
    except OSError as error:
        name = "" if error.filename in (None, directory) else f"/{error.filename}"
        where = printable(directory + name)
        return f"this process cannot open {where}, which the agent can: {error.strerror}"
    return None


def _starved(record: AgentRecord) -> str | None:
    """That a live agent observes nothing new, as ``ruth ps`` calls it idle."""
    age_s = (time.monotonic_ns() - (record.observed_ns or 0)) / NANOSECONDS
    if age_s < idle_after_s(record):  # less than nothing where the agent has another clock: another container
        return None
    return f"the agent of {record.camera_id!r} has observed no new frame for {age_s:.0f} s"
