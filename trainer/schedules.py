"""Learning rate and momentum over the steps of a training."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainer.cliprecipe import ScheduleTable

_SWING = 0.05
_HIGHEST_MOMENTUM = 0.99


def rate_at(table: ScheduleTable, highest: float, step: int, n_steps: int) -> float:
    """The learning rate of step `step`, 0 to `n_steps - 1`.

    one-cycle rises to `highest` and falls to the end, each along half a cosine (Smith 2018, "A disciplined approach to
    neural network hyper-parameters", annealed as in fastai and PyTorch); cosine rises in a line and falls along half
    a cosine (Loshchilov & Hutter 2017, without restarts).
    """
    if table.name == "constant":
        return highest
    rising, share = _phase(table, step, n_steps)
    if not rising:
        return highest * _cosine(1.0, table.last_factor, share)
    if table.name == "one-cycle":
        return highest * _cosine(table.first_factor, 1.0, share)
    return highest * (table.first_factor + (1 - table.first_factor) * share)


def momentum_at(table: ScheduleTable, momentum: float, step: int, n_steps: int) -> float:
    """The momentum (Adam's first beta) of step `step`.

    one-cycle swings it against the rate from 0.05 above `momentum` to 0.05 below it and back: 0.95 to 0.85, as Smith
    advises, for 0.9. Others, and a momentum of 0, leave it as it is.
    """
    if table.name != "one-cycle" or not momentum:
        return momentum
    highest, lowest = min(momentum + _SWING, _HIGHEST_MOMENTUM), max(momentum - _SWING, 0.0)
    rising, share = _phase(table, step, n_steps)
    return _cosine(highest, lowest, share) if rising else _cosine(lowest, highest, share)


def _phase(table: ScheduleTable, step: int, n_steps: int) -> tuple[bool, float]:
    """Whether the rate rises at `step`, and how far the rise or the fall has come, 0-1."""
    last = max(n_steps - 1, 1)
    top = table.warmup_share * last
    if step < top:
        return True, step / top
    return False, min((step - top) / (last - top), 1.0) if last > top else 0.0


def _cosine(start: float, end: float, share: float) -> float:
    """From `start` to `end` along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
