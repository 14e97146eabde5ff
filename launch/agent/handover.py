"""What an agent in Python hands to its half in C, or gets from it: one frozen value, adopted whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ruth.agent.agent import StreamAgent
    from ruth.export.outcome import Taken
    from ruth.subscription.subscription import ShortForm, SubscriptionState


class Handover(NamedTuple):
    """Where an agent is between two steps. Nothing is open of any export then.

    Attributes:
        export_version: Of the export, as the state record has it; 0 for none.
        session: Sessions seen so far.
        taken: The frames last taken.
        frame_id: As of :class:`ruth.agent.agent.StreamAgent`, as are the next four.
        timestamp_ns: The same.
        frames: The same.
        frames_in_session: The same.
        missed: The same; modulo 2^64.
        subscriptions: What each has come to, in the agent's order.

    """

    export_version: int
    session: int
    taken: Taken
    frame_id: int
    timestamp_ns: int
    frames: int
    frames_in_session: int
    missed: int
    subscriptions: tuple[SubscriptionState, ...]


def short_forms(agent: StreamAgent) -> tuple[ShortForm, ...] | None:
    """What C may follow of each subscription; None if one of them must be asked for each frame."""
    forms: list[ShortForm] = []
    for subscription in agent.subscriptions:
        try:
            form = subscription.short_form()
        except Exception:  # noqa: BLE001 - docs/specification.md, "Failure rules": it fails alone, in judge_each()
            return None
        if form is None:
            return None
        forms.append(form)
    return tuple(forms)
