"""At what `min_confidence` the names that the monitor gives live are right often enough, under each condition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainer.plots.style import FAINT, INK, WIDTH, colour, headed, ruled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def draw(
    figure: Any,
    curves: Mapping[str, Mapping[str, Sequence[float | None]]],
    wanted_accuracy: float,
    min_confidence: float,
) -> None:
    """Fill `figure`.

    Args:
        figure: empty.
        curves: condition to `thresholds`, `coverage` and `accuracy`, 0-1, of equal length; None of nothing.
        wanted_accuracy: of the names that are given, 0-1.
        min_confidence: that was judged.
    """
    figure.set_size_inches(WIDTH, 4.4)
    right, named = figure.subplots(1, 2)
    for number, (name, curve) in enumerate(curves.items()):
        known = [(t, 100 * a) for t, a in zip(curve["thresholds"], curve["accuracy"], strict=True) if a is not None]
        right.plot([t for t, _ in known], [a for _, a in known], color=colour(number))
        shares = [100 * (share or 0) for share in curve["coverage"]]
        named.plot(curve["thresholds"], shares, color=colour(number), label=name)
    wanted = right.axhline(100 * wanted_accuracy, color=FAINT, linestyle="--")
    for axes in (right, named):
        axes.axvline(min_confidence, color=INK, linestyle=":", label=f"min_confidence: {min_confidence:g}")
        axes.set_xlabel("min_confidence (no unit)")
        ruled(axes)
    right.set_ylim(top=102)
    named.set_ylim(0, 102)
    right.set_ylabel("names that are right (%)")
    named.set_ylabel("segments that are named (%)")
    handles, words = named.get_legend_handles_labels()
    words.append(f"wanted: {100 * wanted_accuracy:.0f} %")
    figure.legend([*handles, wanted], words, loc="outside lower center", ncols=4)
    headed(figure, "Naming an emotion only when sure, live")
