"""The picture of a run."""

import numpy as np
import pytest

from benchmarks import floor, latency, live, microphone, recorded, stages
from benchmarks.everyhop import EVERY_HOP
from benchmarks.listening import PERCENT
from benchmarks.measurement import OURS, PER_WINDOW, WINDOWS, Measurement, Target
from benchmarks.results import Results

pytest.importorskip("matplotlib", reason="matplotlib draws the picture")

from benchmarks.panels import PANELS
from benchmarks.picture import draw


def one(name, group, unit, *values, **more):
    return Measurement(name=name, group=group, unit=unit, values=values, **more)


EVERYTHING = (
    one(OURS, WINDOWS, PER_WINDOW, 0.8, 0.9, 1.0),
    one("librosa and keras", "alternatives", PER_WINDOW, 70.0, 75.0, 90.0, times_ours=50.0),
    one("speech: model", stages.STAGES, PERCENT, 0.1, 0.12),
    one("speech: rest", stages.STAGES, PERCENT, 0.0),
    one("speech: worker", live.THREADS, PERCENT, 0.2),
    one("speech: the limit", "arithmetic limit", PERCENT, 0.05),
    one(f"speech, {EVERY_HOP}: the limit", "arithmetic limit", PERCENT, 0.07),
    one(f"speech, {EVERY_HOP}: our pipeline", "arithmetic limit", "times the limit", 2.0, target=Target(3)),
    one("webrtcvad alone", floor.GROUP, PERCENT, 0.01),
    one("speech: CPU", live.GROUP, PERCENT, 0.4, 0.5, target=Target(0.3)),
    one("speech: CPU", microphone.GROUP, PERCENT, 0.7, target=Target(0.3)),
    one("memory, steady", live.GROUP, "MB", 73.0, target=Target(70)),
    one("after the window's end, p50", latency.GROUP, "ms", 5.0, 9.0, 20.0),
    one("after the window's end, p95", latency.GROUP, "ms", 19.0, target=Target(20)),
    one("1 min: CPU of an hour", recorded.GROWTH, "s", 4.0),
    one("1 min: peak memory", recorded.GROWTH, "MB", 75.0),
    Measurement.missing("all", "microphone", "no PulseAudio"),
)


def results(*measurements):
    return Results(taken="2026-11-28T12:00:00+00:00", machine="one", recording="a tone", measurements=measurements)


def ink(path):
    """Share of pixels that are not white."""
    from matplotlib.image import imread

    return float(np.mean(imread(path)[..., :3].min(axis=-1) < 0.9))


def test_every_panel_is_drawn(tmp_path):
    found = results(*EVERYTHING)
    assert all(panel.has_data(found) for panel in PANELS)
    draw(found, tmp_path / "bench.png")
    assert ink(tmp_path / "bench.png") > 0.02


@pytest.mark.parametrize("n", range(len(PANELS)))
def test_a_panel_draws_its_figures(n, tmp_path):
    """Bars, steps or lines: something other than the axes themselves."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots()
    PANELS[n].draw(results(*EVERYTHING), axis)
    assert axis.patches or axis.lines
    plt.close(figure)


def test_targets_of_the_pipe_and_of_the_microphone_are_told_apart():
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots()
    next(panel for panel in PANELS if panel.title == "Targets").draw(results(*EVERYTHING), axis)
    names = [label.get_text() for label in axis.get_yticklabels()]
    plt.close(figure)
    assert {"live: speech, CPU", "microphone: speech, CPU"} <= set(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("Targets", {"arithmetic limit: speech, every hop"}),
        ("Listening", {"arithmetic limit: speech", "arithmetic limit: speech, every hop"}),
    ],
)
def test_a_window_at_every_hop_is_told_from_what_is_shipped(title, names):
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots()
    next(panel for panel in PANELS if panel.title == title).draw(results(*EVERYTHING), axis)
    assert names <= {label.get_text() for label in axis.get_yticklabels()}
    plt.close(figure)


def test_what_was_not_measured_leaves_no_empty_panel(tmp_path):
    only_windows = results(*EVERYTHING[:2])
    assert [panel.title for panel in PANELS if panel.has_data(only_windows)] == [PANELS[0].title, "Targets"]
    draw(only_windows, tmp_path / "bench.png")
    assert ink(tmp_path / "bench.png") > 0.02


def test_nothing_measured_is_no_picture(tmp_path):
    with pytest.raises(ValueError, match="found no figure"):
        draw(results(EVERYTHING[-1]), tmp_path / "bench.png")
    assert not (tmp_path / "bench.png").exists()
