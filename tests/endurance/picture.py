"""Draws the course of the two long runs: `python -m tests.endurance.picture runs/endurance docs/endurance.svg`.

The folder holds `talk.json` and `unplugged.json`, as `vitals.Watcher.write` makes them; one of them is enough.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from matplotlib.ticker import MaxNLocator

from trainer.plots.style import BLUE, FAINT, ORANGE, headed, new_figure, ruled, save, styled

_RUNS = {
    "talk": ("Talk without end, the broker killed every hour", BLUE),
    "unplugged": ("The microphone unplugged every 15 s", ORANGE),
}
_ROWS = {"memory_mb": "memory in MB", "descriptors": "descriptors", "threads": "threads"}
_LATENCY = "latency in s"
_STRETCHES = 120
_HEIGHT = 7.2
_PER_MINUTE = 60.0


def picture(folder):
    """A figure with a column a run that is in `folder`: memory, descriptors, threads; latency where it was taken."""
    found = {name: json.loads((folder / f"{name}.json").read_text()) for name in _RUNS if _is_there(folder, name)}
    if not found:
        raise SystemExit(f"{folder}: neither {' nor '.join(f'{name}.json' for name in _RUNS)}; run `make test-long`")
    with styled():
        figure = new_figure()
        figure.set_size_inches(figure.get_figwidth(), _HEIGHT)
        headed(figure, "What the process holds over the hours")
        columns = figure.subplots(len(_ROWS) + 1, len(found), squeeze=False, sharex="col", sharey="row").T
        for axes, (name, run) in zip(columns, found.items(), strict=True):
            _draw(axes, name, run)
        for label, axis in zip([*_ROWS.values(), _LATENCY], columns[0], strict=True):
            axis.set_ylabel(label)
        figure.align_ylabels()
    return figure


def _is_there(folder, name):
    return (folder / f"{name}.json").exists()


def _draw(axes, name, run):
    title, colour = _RUNS[name]
    minutes = np.array(run["at_s"]) / _PER_MINUTE
    axes[0].set_title(f"{title}\n{run['slope_mb_per_h']:+.2f} MB an hour")
    for axis, key in zip(axes, _ROWS, strict=False):
        _draw_course(axis, minutes, np.array(run[key]), colour)
    _draw_latency(axes[-1], run.get("latency_s"), minutes[-1], colour)
    axes[-1].set_xlabel("minutes")


def _draw_course(axis, minutes, values, colour):
    """The usual value of each stretch, and around it what was between the least and the most."""
    stretches = np.array_split(np.arange(len(values)), min(_STRETCHES, len(values)))
    at = [minutes[one].mean() for one in stretches]
    axis.fill_between(
        at,
        [values[one].min() for one in stretches],
        [values[one].max() for one in stretches],
        color=colour,
        alpha=0.3,
        linewidth=0,
    )
    axis.plot(at, [np.median(values[one]) for one in stretches], color=colour)
    axis.set_ylim(bottom=0, top=max(axis.get_ylim()[1], 1.25 * values.max()))
    axis.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    ruled(axis)


def _draw_latency(axis, latencies_s, n_minutes, colour):
    ruled(axis)
    if not latencies_s:
        axis.text(0.5, 0.5, "nobody speaks", transform=axis.transAxes, ha="center", va="center", color=FAINT)
        return
    # Events have no time of their own in the file; they come evenly, as the clip is the same all the time.
    minutes = np.linspace(0, n_minutes, len(latencies_s))
    axis.plot(minutes, latencies_s, ".", markersize=2, color=colour, rasterized=True)
    axis.set_ylim(bottom=0)


def main(arguments):
    """Write the picture; the suffix says whether as SVG or PNG."""
    if len(arguments) != 2:
        raise SystemExit("usage: python -m tests.endurance.picture FOLDER PICTURE.svg|PICTURE.png")
    save(picture(Path(arguments[0])), Path(arguments[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
