"""UAR of each speaker: a mean hides whom a model does not understand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainer.plots.style import FAINT, GENDERS, INK, WIDTH, headed, outlined, ruled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_BAR_HEIGHT = 0.23
_ONE_COLUMN = 45
"""Speakers up to which each has a name beside the bar; beyond, letters would overlap in a picture of sane height."""


def draw(
    figure: Any,
    speakers: Mapping[str, Mapping[str, Any]],
    uar: float,
    interval: Sequence[float] | None = None,
    chance: float | None = None,
) -> None:
    """Fill `figure`, the best recognised speaker at the top.

    Args:
        figure: empty.
        speakers: name to `uar` (0-1), `clips` and `gender` (female, male, unknown), as in `trainer.figures.figures_of`.
        uar: over all clips, 0-1.
        interval: of it, 0-1.
        chance: UAR of guessing, 0-1.

    Raises:
        ValueError: there is no speaker.
    """
    if not speakers:
        raise ValueError("no speaker to draw; wanted one or more")
    rows = sorted(speakers, key=lambda name: (-speakers[name]["uar"], name))
    named = len(rows) <= _ONE_COLUMN
    figure.set_size_inches(WIDTH, 1.9 + len(rows) * (_BAR_HEIGHT if named else 0.1))
    axes = figure.subplots()
    if interval is not None:
        axes.axvspan(100 * interval[0], 100 * interval[1], color=FAINT, alpha=0.25, linewidth=0, label="95 % interval")
    for gender in GENDERS:
        chosen = [(row, name) for row, name in enumerate(rows) if speakers[name].get("gender", "unknown") == gender]
        if chosen:
            widths = [100 * speakers[name]["uar"] for _, name in chosen]
            axes.barh([row for row, _ in chosen], widths, height=0.72, color=GENDERS[gender], label=gender, alpha=0.9)
    axes.axvline(100 * uar, color=INK, label=f"all clips: {100 * uar:.1f} %")
    if chance is not None:
        axes.axvline(100 * chance, color=INK, linestyle=":", label=f"guessing: {100 * chance:.1f} %")
    if named:
        _write_rows(axes, rows, speakers)
    else:
        axes.set_yticks([])
    axes.set_xlim(0, 105)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel("UAR (%)")
    axes.set_ylabel("speaker (number of clips)" if named else f"{len(rows)} speakers, sorted")
    ruled(axes, "x")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=6)
    best, worst = (100 * speakers[name]["uar"] for name in (rows[0], rows[-1]))
    spread = f", from {worst:.0f} to {best:.0f} %" if len(rows) > 1 else ""
    headed(figure, f"UAR of {len(rows)} {'speakers' if len(rows) > 1 else 'speaker'}{spread}")


def _write_rows(axes: Any, rows: Sequence[str], speakers: Mapping[str, Mapping[str, Any]]) -> None:
    axes.set_yticks(range(len(rows)), [f"{name} ({speakers[name]['clips']})" for name in rows])
    axes.tick_params(axis="y", length=0)
    for row, name in enumerate(rows):
        value = 100 * speakers[name]["uar"]
        text = axes.annotate(
            f"{value:.0f}", (value, row), (4, 0), textcoords="offset points", va="center", fontsize=8.5
        )
        outlined(text)
