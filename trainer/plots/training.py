"""Loss, UAR and learning rate over the training, from the run's log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from monitor.errors import NoInputError, RefusedError
from trainer.plots.style import INK, WIDTH, colour, headed, ruled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    Curve = list[tuple[float, float]]

_PANELS = {"loss": "loss (nats)", "uar": "UAR, WAR (%)", "rate": "learning rate (per step)"}
"""Panel to the label of its axis."""
_ENDINGS = {
    "loss": ("loss", "loss"),
    "uar": ("uar", "UAR"),
    "war": ("uar", "WAR"),
    "accuracy": ("uar", "WAR"),
    "rate": ("rate", ""),
}
"""How a record's key ends, to its panel and what it is called there."""
_PANEL_HEIGHT = 1.9


def read_log(path: Path) -> list[dict[str, Any]]:
    """Records of a run's `log.jsonl`.

    Raises:
        NoInputError: there is none.
        RefusedError: a line is not a JSON object.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise NoInputError(f"{path}: cannot be read: {error.strerror}; wanted the log of a training") from None
    try:
        return [msgspec.json.decode(line, type=dict[str, Any]) for line in lines if line.strip()]
    except msgspec.DecodeError as error:
        raise RefusedError(f"{path}: {error}; wanted one JSON object a line, as a training writes") from None


def draw(figure: Any, records: Sequence[Mapping[str, Any]]) -> None:
    """Fill `figure`: a panel for the loss, one for the UAR and one for the rate, as far as they were logged.

    Args:
        figure: empty.
        records: each with `epoch` or `step`, and numbers, or tables of numbers, whose keys end in `loss`, `uar`,
            `war`, `accuracy` or `rate`; other keys, and null, are passed over.

    Raises:
        ValueError: nothing of it was logged.
    """
    panels = _panels(records)
    if not panels:
        raise ValueError("records without loss, uar or rate; wanted at least one of them, with epoch or step")
    figure.set_size_inches(WIDTH, 0.9 + _PANEL_HEIGHT * len(panels))
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (panel, curves) in zip(grid, panels.items(), strict=True):
        _draw_panel(axes, panel, curves)
    grid[-1].set_xlabel(f"{_abscissa(records)} (number)")
    headed(figure, "How the training went")


def _draw_panel(axes: Any, panel: str, curves: Mapping[str, Curve]) -> None:
    factor = 100 if panel == "uar" else 1
    for i, (name, points) in enumerate(curves.items()):
        marker = "o" if len(points) == 1 else None
        axes.plot(
            [x for x, _ in points],
            [factor * y for _, y in points],
            color=colour(i),
            marker=marker,
            label=_words(name),
            # The mean is what counts; its parts stay behind it.
            linewidth=2.2 if "mean" in name or len(curves) == 1 else 1.4,
        )
    axes.set_ylabel(_PANELS[panel])
    if panel == "uar":
        _mark_best(axes, curves)
    if panel == "rate" and all(y > 0 for points in curves.values() for _, y in points):
        axes.set_yscale("log")
    if len(curves) > 1 or panel == "uar":
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    ruled(axes)


def _mark_best(axes: Any, curves: Mapping[str, Curve]) -> None:
    """Mark the best value of the curve that models are chosen by: the mean, else the last of the validation."""
    uars = [name for name in curves if _ending(name) == "uar"] or list(curves)
    chosen = [name for name in uars if "mean" in name] or [name for name in uars if "val" in name] or uars
    x, y = max(curves[chosen[-1]], key=lambda point: point[1])
    axes.plot([x], [100 * y], "o", color=INK, markersize=5, label=f"best {100 * y:.1f} % at {x:g}")


def _panels(records: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Curve]]:
    """Panel to name of the curve to its points, in the order of the panels."""
    found: dict[str, dict[str, Curve]] = {panel: {} for panel in _PANELS}
    abscissa = _abscissa(records)
    for number, record in enumerate(records, 1):
        x = float(record.get(abscissa, number))
        for key, value in _flat(record).items():
            ending = _ending(key)
            if ending:
                found[_ENDINGS[ending][0]].setdefault(key, []).append((x, value))
    return {panel: curves for panel, curves in found.items() if curves}


def _flat(record: Mapping[str, Any]) -> dict[str, float]:
    """`{"uar": {"A": 1}}` becomes `{"uar/A": 1}`; what is no number is left out."""
    flat: dict[str, float] = {}
    for key, value in record.items():
        if isinstance(value, dict):
            flat |= {f"{key}/{name}": number for name, number in _flat(value).items()}
        elif isinstance(value, int | float) and not isinstance(value, bool):
            flat[key] = float(value)
    return flat


def _abscissa(records: Sequence[Mapping[str, Any]]) -> str:
    return "epoch" if any("epoch" in record for record in records) else "step"


def _words(name: str) -> str:
    """`validation_uar/mean` for people: validation UAR, mean."""
    first, _, rest = name.partition("/")
    ending = _ending(name)
    part = first.removesuffix(ending).rstrip("_")
    part = {"": "training", "train": "training", "val": "validation"}.get(part, part.replace("_", " "))
    words = f"{part} {_ENDINGS[ending][1]}".rstrip()
    return f"{words}, {rest}" if rest else words


def _ending(key: str) -> str:
    """What the key is of, empty for what is not drawn."""
    return next((ending for ending in _ENDINGS if key.partition("/")[0].endswith(ending)), "")
