"""A conversation, what the monitor showed meanwhile, and how late the right label came under each condition."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.patches import Patch

from trainer.plots.style import FAINT, INK, PALETTE, PAPER, RULE, WIDTH, colour, headed, ruled
from trainer.plots.waveform import draw_samples

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_FULL_SCALE = 32768.0
_SHOWN_S = 60.0
"""Of the conversation: more would be too narrow to read."""
_LATEST_S = 5.0
_SPOKEN_ROW, _HEARD_ROW, _END_ROW = 0, 1, 2
_ROWS = ("spoken", "shown live", "at the end")
_THICK = 0.72
_LEGEND_LETTERS, _LETTERS_BESIDE = 104, 4
"""What a line of the legend holds, and how wide the patch beside a word is."""


def draw(
    figure: Any,
    *,
    samples: NDArray[np.integer[Any]],
    rate_hz: int,
    spoken: Sequence[tuple[float, float, str]],
    heard: Sequence[Sequence[tuple[float, str]]],
    labels: Sequence[str],
    delays: Mapping[str, Sequence[float | None]],
    aim_s: float,
) -> None:
    """Fill `figure`.

    Args:
        figure: empty.
        samples: of the conversation, shape (n,), int16 scale; its first minute is drawn.
        rate_hz: of them.
        spoken: (start, end, label) of each clip, in seconds.
        heard: of each segment, (moment, emotion) of its events in seconds, the last of which is its end.
        labels: all that the model has; emotions that are none of them are uncertain.
        delays: condition to seconds from each clip's onset to its right label, None where it never came.
        aim_s: the median wanted.
    """
    figure.set_size_inches(WIDTH, 7.4)
    wave, rows, late = figure.subplots(3, 1, height_ratios=[1, 1.5, 2.2])
    rows.sharex(wave)
    looks = {label: _Look.of(number) for number, label in enumerate(labels)}
    draw_samples(wave, samples[: int(_SHOWN_S * rate_hz)] / _FULL_SCALE, rate_hz, FAINT)
    wave.set_ylabel("amplitude\n(full scale 1)")
    wave.tick_params(labelbottom=False)
    wave.set_xlim(0, min(len(samples) / rate_hz, _SHOWN_S))
    _draw_rows(rows, spoken, heard, looks)
    used = [label for label in labels if any(label == word for *_, word in [*spoken, *(e for s in heard for e in s)])]
    marks = [Patch(**looks[label].bar, label=label) for label in used]
    longest = max([len("uncertain"), *map(len, used)])
    rows.legend(
        handles=[*marks, Patch(color=RULE, label="uncertain")],
        loc="upper left",
        bbox_to_anchor=(0, -0.38),
        ncols=max(1, _LEGEND_LETTERS // (longest + _LETTERS_BESIDE)),
        handlelength=1.0,
        columnspacing=1.2,
    )
    _draw_delays(late, delays, aim_s)
    headed(figure, "A conversation as the monitor hears it, and how late it is right")


@dataclass(frozen=True, slots=True)
class _Look:
    """How a label is drawn: beyond the palette, colours come again, striped and square."""

    bar: Mapping[str, Any]
    """Of rectangles."""
    end: Mapping[str, Any]
    """Of the mark at the end of a segment."""

    @staticmethod
    def of(number: int) -> _Look:
        fill, again = colour(number), number >= len(PALETTE)
        stripes = {"hatch": "////", "edgecolor": PAPER, "linewidth": 0} if again else {}
        return _Look({"facecolor": fill, **stripes}, {"color": fill, "marker": "s" if again else "D"})


_UNCERTAIN = _Look({"facecolor": RULE}, {"color": RULE, "marker": "D"})


def _draw_rows(
    axes: Any,
    spoken: Sequence[tuple[float, float, str]],
    heard: Sequence[Sequence[tuple[float, str]]],
    looks: Mapping[str, _Look],
) -> None:
    for start, end, label in spoken:
        axes.barh(_SPOKEN_ROW, end - start, _THICK, left=start, **looks.get(label, _UNCERTAIN).bar)
        axes.axvline(start, color=RULE, linewidth=0.7, zorder=0)
    for events in heard:
        for (moment, emotion), (following, _) in pairwise(events):
            width = max(following - moment, 0.06)
            axes.barh(_HEARD_ROW, width, _THICK, left=moment, **looks.get(emotion, _UNCERTAIN).bar)
        moment, emotion = events[-1]
        look = looks.get(emotion, _UNCERTAIN).end
        axes.plot([moment], [_END_ROW], **look, markersize=8, markeredgecolor=INK, markeredgewidth=0.5)
    axes.set_yticks(range(len(_ROWS)), _ROWS)
    axes.set_ylim(len(_ROWS) - 0.5, -0.5)
    axes.set_xlabel("time (s)")
    axes.set_ylabel("label")
    axes.tick_params(axis="y", length=0)


def _draw_delays(axes: Any, delays: Mapping[str, Sequence[float | None]], aim_s: float) -> None:
    """Share of the clips that have their label, over the time since their onset."""
    for number, (name, seconds) in enumerate(delays.items()):
        known = np.sort([second for second in seconds if second is not None])
        shares = 100 * np.arange(len(known) + 1) / max(len(seconds), 1)
        times = np.concatenate([[0.0], known])
        axes.step(
            np.append(times, max(_LATEST_S, float(times[-1]))),
            np.append(shares, shares[-1]),
            where="post",
            color=colour(number),
            label=name,
        )
    axes.axvline(aim_s, color=INK, linestyle=":", label=f"aim for the median: {aim_s:g} s")
    axes.set_xlim(0, _LATEST_S)
    axes.set_ylim(0, 119)
    axes.set_yticks(range(0, 101, 20))
    axes.set_xlabel("time since the onset of the speech (s)")
    axes.set_ylabel("clips with their label shown\n(% of all clips)")
    ruled(axes)
    axes.legend(loc="upper right", ncols=2)
