"""Which cameras there are, and which models subscribe them, by the states of their agents. It only reads."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from ruth.agent.record_check import BadRecord
from ruth.agent.state_reader import StateReader
from ruth.identity import check_id, id_problem
from ruth.runtime.roots import roots_of

if TYPE_CHECKING:
    from ruth.agent.state import ModelState


class Camera(NamedTuple):
    """One camera, as its agent's state says.

    Attributes:
        camera_id: The camera.
        alive: Whether it has a live agent.
        models: What its agent, or the last one that it had, was launched with.
        problem: Why nothing is known of its models, in words; None if it is known.

    """

    camera_id: str
    alive: bool
    models: tuple[ModelState, ...]
    problem: str | None


def cameras(model_id: str | None = None, *, state_root: str | None = None) -> tuple[Camera, ...]:
    """The cameras that have, or had, an agent.

    Args:
        model_id: Only those that subscribe this model; None for all.
        state_root: As of :func:`ruth.attach`.

    Returns:
        In the order of their ids; none if there is no state root, or it may not be read.

    Raises:
        InvalidIdError: ``model_id`` is invalid.

    """
    if model_id is not None:
        check_id("model", model_id)
    root = roots_of(None, state_root).state
    try:
        names = os.listdir(root)
    except OSError:
        return ()
    found = (_camera(root, name) for name in sorted(names) if id_problem(name) is None)
    return tuple(
        camera
        for camera in found
        if camera is not None and (model_id is None or any(one.model_id == model_id for one in camera.models))
    )


def _camera(root: str, camera_id: str) -> Camera | None:
    """One camera; None if there is no state in that folder."""
    try:
        with StateReader(root, camera_id) as reader:
            alive, record = reader.alive(), reader.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return Camera(camera_id, alive=False, models=(), problem=error.strerror or str(error))
    if record is None:
        return Camera(camera_id, alive, (), "its agent has only just been started")
    if isinstance(record, BadRecord):
        return Camera(camera_id, alive, (), record.problem)
    return Camera(camera_id, alive, record.models, None)
