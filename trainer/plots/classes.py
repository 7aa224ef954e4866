"""Clips of each corpus and label, by gender: what a model is taught most of."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from trainer.plots.style import GENDERS, WIDTH, genders_of, headed, ruled

if TYPE_CHECKING:
    from collections.abc import Sequence

_BAR_HEIGHT = 0.24
_PANEL_HEIGHT = 0.75


def draw(figure: Any, corpora: Sequence[str], labels: Sequence[str], genders: Sequence[str]) -> None:
    """Fill `figure`.

    Args:
        figure: empty.
        corpora: of each clip; one panel each, in order of appearance.
        labels: of each clip; rows are the same in all panels, the most frequent at the top.
        genders: of each clip's speaker: `f`, `m` or empty.

    Raises:
        ValueError: there is no clip.
    """
    if not corpora:
        raise ValueError("no clip to count; wanted one or more")
    named = genders_of(genders)
    counts = Counter(zip(corpora, labels, named, strict=True))
    rows = [label for label, _ in Counter(labels).most_common()]
    panels = list(dict.fromkeys(corpora))
    shown = [gender for gender in GENDERS if gender in named]
    figure.set_size_inches(WIDTH, 1.1 + len(panels) * (_PANEL_HEIGHT + _BAR_HEIGHT * len(rows)))
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, corpus in zip(grid, panels, strict=True):
        _draw_corpus(axes, corpus, rows, shown, counts)
    longest = max(Counter(zip(corpora, labels, strict=True)).values())
    grid[-1].set_xlim(0, 1.08 * longest)
    grid[-1].set_xlabel("clips (number)")
    headed(figure, f"{len(labels)} clips: how many there are of each label")
    handles, names = grid[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", ncols=len(shown))


def _draw_corpus(
    axes: Any, corpus: str, rows: Sequence[str], genders: Sequence[str], counts: Counter[tuple[str, str, str]]
) -> None:
    ends = [0] * len(rows)
    for gender in genders:
        widths = [counts[corpus, row, gender] for row in rows]
        axes.barh(range(len(rows)), widths, left=ends, height=0.72, color=GENDERS[gender], label=gender)
        ends = [end + width for end, width in zip(ends, widths, strict=True)]
    for row, end in enumerate(ends):
        axes.annotate(str(end), (end, row), (4, 0), textcoords="offset points", va="center", fontsize=8.5)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_ylabel("label")
    axes.set_title(f"{corpus}: {sum(ends)} clips")
    ruled(axes, "x")
    axes.tick_params(length=0)
