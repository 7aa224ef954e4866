"""Contracts of every registered plot, and what is special in each; marks are counted in matplotlib's own objects."""

import re
import subprocess
import sys
import warnings

import msgspec
import numpy as np
import pytest
from matplotlib.figure import Figure

from monitor.errors import ConfigError, MissingDependencyError, NoInputError, RefusedError, UsageError
from trainer.metrics import reliability
from trainer.plots import DESCRIPTIONS, PLOTS, drawn
from trainer.plots.augmentation import level_map
from trainer.plots.embedding import points_of
from trainer.plots.rates import smoothed, steepest_rate
from trainer.plots.style import save
from trainer.plots.training import read_log

RATE_HZ = 16000
EMOTIONS = ("neutral", "happy", "sad", "angry", "fear", "disgust", "surprise")
UNIT = re.compile(
    r"\((s|kHz|%|number|dB|dBFS|nats|no unit|full scale 1|per step|.*, .*|\d+% of the variance|.* of .*)\)"
)
"""What stands in the brackets of an axis' label."""
UNLABELLED = {"label", "answered label", "system", "condition"}
"""Axes of names have no unit."""


def rng():
    return np.random.default_rng(3)


def clips(n=7):
    """Waveforms of different lengths, one an emotion."""
    return {
        name: (0.1 * rng().standard_normal(1600 * (i + 2))).astype(np.float32) for i, name in enumerate(EMOTIONS[:n])
    }


def maps(n=7, rows=13):
    return {name: rng().standard_normal((20 + 7 * i, rows)) for i, name in enumerate(EMOTIONS[:n])}


def records(n=12):
    uars = {"RAVDESS": 0.4, "EmoDB": 0.6, "mean": 0.5}
    return [
        {
            "epoch": e,
            "loss": 2.0 / e,
            "validation_loss": 3.0 / e,
            "validation_uar": {name: uar - 0.01 * abs(e - 7) for name, uar in uars.items()},
            "train_accuracy": 0.5 + 0.03 * e,
            "rate": 1e-3 / e,
            "seconds": 1.5 * e,
        }
        for e in range(1, n + 1)
    ]


def posteriors(n=300, labels=7):
    return rng().dirichlet([0.4] * labels, n)


def speakers(n=12):
    genders = ("female", "male", "unknown")
    return {f"A/{i:02d}": {"uar": i / n, "clips": 10 + i, "gender": genders[i % 3]} for i in range(n)}


SYSTEMS = [
    {"name": "first", "headline": 0.9, "random": 0.8, "independent": 0.4, "interval": [0.3, 0.5], "chance": 0.125},
    {"name": "second", "headline": None, "random": 0.7, "independent": 0.6, "interval": None, "note": "6 labels"},
    {"name": "third", "headline": 0.7},
]
CURVE = {
    "thresholds": [0.0, 0.4, 0.6, 0.9, 1.0],
    "coverage": [1.0, 0.8, 0.5, 0.1, 0.0],
    "accuracy": [0.6, 0.7, 0.85, 1.0, None],
}
CONDITIONS = {
    "original": {"uar": 0.6, "interval": (0.5, 0.7), "bound_points": None},
    "noise": {"uar": 0.4, "interval": (0.3, 0.5), "bound_points": 8.0},
    "room": {"uar": 0.58, "interval": None, "bound_points": 5.0},
}
USUAL = {
    "classes": {
        "corpora": ["A"] * 6 + ["B"] * 2,
        "labels": ["sad", "happy"] * 4,
        "genders": ["f", "m", ""] * 2 + ["f"] * 2,
    },
    "waveform": {"clips": clips(), "rate_hz": RATE_HZ},
    "fft": {
        "clips": {name: rng().uniform(-90, 0, 2001) for name in EMOTIONS},
        "frequencies_hz": np.linspace(0, 8000, 2001),
    },
    "spectrogram": {"clips": maps(rows=201), "hop_s": 0.01, "rate_hz": RATE_HZ},
    "mel": {"clips": maps(rows=40), "hop_s": 0.01, "centres_hz": np.geomspace(100, 7500, 40)},
    "filterbank": {"clips": maps(rows=26), "hop_s": 0.01},
    "mfcc": {"clips": maps(), "hop_s": 0.01},
    "augmentation": {
        "before": clips()["sad"],
        "after": {"noise": clips()["sad"] * 2, "slower": clips()["angry"]},
        "rate_hz": RATE_HZ,
    },
    "training": {"records": records()},
    "rates": {"rates": np.geomspace(1e-6, 1, 50), "losses": np.abs(np.linspace(-2, 1, 50)) + 1},
    "confusion": {"confusion": np.arange(56).reshape(7, 8), "labels": EMOTIONS},
    "reliability": {"bins": reliability(rng().integers(0, 7, 300), posteriors())},
    "embedding": {
        "points": rng().standard_normal((40, 2)),
        "labels": list(EMOTIONS[:4]) * 10,
        "marks": ["f", "m"] * 20,
    },
    "speakers": {"speakers": speakers(), "uar": 0.5, "interval": (0.4, 0.6), "chance": 1 / 7},
    "comparison": {"systems": SYSTEMS},
    "stream": {
        "samples": (3000 * rng().standard_normal(70 * 1000)).astype(np.int16),
        "rate_hz": 1000,
        "spoken": [(2.0, 5.0, "sad"), (6.0, 9.0, "angry"), (65.0, 66.0, "happy")],
        "heard": [[(3.2, "uncertain"), (4.0, "sad"), (5.5, "sad")], [(7.5, "fear"), (9.6, "uncertain")]],
        "labels": EMOTIONS,
        "delays": {"clean": [2.0, 1.5, None], "noise 10 dB": [None, 7.0, 0.0]},
        "aim_s": 1.5,
    },
    "naming": {"curves": {"clean": CURVE, "room": CURVE}, "wanted_accuracy": 0.8, "min_confidence": 0.6},
    "coverage": {
        "curve": CURVE,
        "wanted_accuracy": 0.8,
        "marks": {"chosen": {"threshold": 0.6, "coverage": 0.5, "accuracy": 0.85}},
    },
    "conditions": {"corpora": {"A": CONDITIONS, "B": CONDITIONS, "all": CONDITIONS}},
}
EDGES = {
    "classes": [
        {"corpora": ["A"], "labels": ["sad"], "genders": [""]},
        {"corpora": ["A", "B"], "labels": ["sad", "calm"], "genders": ["f", "m"]},
    ],
    "waveform": [
        {"clips": clips(1), "rate_hz": RATE_HZ},
        {"clips": {"silence": np.zeros(800, np.float32)}, "rate_hz": RATE_HZ},
        {"clips": {"one sample": np.ones(1, np.float32)}, "rate_hz": RATE_HZ},
    ],
    "fft": [{"clips": {"silence": np.full(5, -200.0)}, "frequencies_hz": np.linspace(0, 8000, 5)}],
    "spectrogram": [{"clips": {"silence": np.full((1, 9), -100.0)}, "hop_s": 0.01, "rate_hz": RATE_HZ}],
    "mel": [{"clips": maps(1, 2), "hop_s": 0.01, "centres_hz": np.array([100.0, 110.0])}],
    "filterbank": [{"clips": {"silence": np.full((4, 26), -36.04)}, "hop_s": 0.01}],
    "mfcc": [{"clips": {"zeros": np.zeros((5, 1))}, "hop_s": 0.01}, {"clips": maps(16), "hop_s": 0.01, "first": 1}],
    "augmentation": [{"before": np.zeros(10, np.float32), "after": {}, "rate_hz": RATE_HZ}],
    "training": [
        {"records": records(1)},
        {"records": [{"step": 600, "loss": 1.0, "validation_uar": None}]},
        {"records": [{"epoch": 1, "uar": 0.0, "rate": 0.0}, {"epoch": 2, "uar": 0.0, "rate": 0.0}]},
    ],
    "rates": [
        {"rates": [1e-3], "losses": [2.0]},
        {"rates": [1e-4, 1e-3, 1e-2], "losses": [1.0, np.nan, np.inf]},
        {"rates": [1e-4, 1e-3], "losses": [1.0, 1.0], "suggestion": 1e-3},
    ],
    "confusion": [
        {"confusion": [[3]], "labels": ["sad"]},
        {"confusion": np.zeros((2, 3), np.int64), "labels": ["sad", "calm"]},
        {"confusion": 12345 * np.eye(16, dtype=np.int64), "labels": [f"female_number_{i}" for i in range(16)]},
    ],
    "reliability": [
        {"bins": reliability([0], np.array([[1.0, 0.0]]))},
        {"bins": reliability([0], np.zeros((1, 2)))},
    ],
    "embedding": [
        {"points": np.zeros((1, 2)), "labels": ["sad"]},
        {"points": rng().standard_normal((64, 2)), "labels": [f"l{i % 16:02d}" for i in range(64)]},
        {"points": rng().standard_normal((64, 2)), "labels": ["sad"] * 64, "marks": [str(i) for i in range(64)]},
    ],
    "speakers": [
        {"speakers": speakers(1), "uar": 0.0},
        {"speakers": speakers(91), "uar": 0.5, "interval": (0.5, 0.5)},
        {"speakers": {"A/1": {"uar": 1.0, "clips": 1, "gender": "female"}}, "uar": 1.0},
    ],
    "comparison": [{"systems": [{"name": "nothing known"}]}],
    "stream": [
        USUAL["stream"] | {"heard": [], "spoken": [], "samples": np.zeros(500, np.int16), "delays": {"clean": []}},
        USUAL["stream"] | {"delays": {"clean": [None, None]}, "labels": [f"female_number_{i}" for i in range(16)]},
    ],
    "naming": [
        {
            "curves": {"clean": {"thresholds": [0.5], "coverage": [0.0], "accuracy": [None]}},
            "wanted_accuracy": 0.8,
            "min_confidence": 0.62,
        }
    ],
    "coverage": [
        {"curve": {"thresholds": [0.5], "coverage": [0.0], "accuracy": [None]}, "wanted_accuracy": 0.8, "marks": {}}
    ],
    "conditions": [
        {"corpora": {"A": {"original": CONDITIONS["original"]}}},
        {"corpora": {f"corpus {i}": CONDITIONS for i in range(6)}},
    ],
}


def plot(name, **changes):
    """The usual plot; whatever matplotlib warns of is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = drawn(name, **(USUAL[name] | changes))
        figure.canvas.draw()
    return figure


def panels(figure):
    """Axes but colour bars."""
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def texts(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_every_plot_is_described_and_tested():
    assert set(PLOTS) == set(DESCRIPTIONS) == set(USUAL) == set(EDGES)


@pytest.mark.parametrize("name", PLOTS)
def test_plots_have_a_title_and_units(name):
    figure = plot(name)
    assert figure.get_suptitle()
    labels = {figure.get_supxlabel(), figure.get_supylabel()}
    for axes in figure.axes:
        labels |= {axes.get_xlabel().replace("\n", " "), axes.get_ylabel().replace("\n", " ")}
    labels.discard("")
    assert len(labels) >= 2
    assert not [label for label in labels - UNLABELLED if not UNIT.search(label)]


@pytest.mark.parametrize("name", PLOTS)
def test_plots_are_legible(name):
    figure = plot(name)
    width, height = figure.get_size_inches()
    assert 4 <= width <= 13
    assert 2 <= height <= 14
    for axes in figure.axes:
        for text in [*axes.texts, *axes.get_xticklabels(), *axes.get_yticklabels()]:
            # In points of a picture that is shown 1000 pixels, or 6.67 inches, wide.
            assert text.get_fontsize() * min(1, 6.67 / width) > 5


@pytest.mark.parametrize(("name", "inputs"), [(name, inputs) for name in EDGES for inputs in EDGES[name]])
def test_plots_bear_edge_cases(name, inputs, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save(drawn(name, **inputs), tmp_path / "edge.png")


@pytest.mark.parametrize("name", PLOTS)
def test_inputs_stay_as_they_are(name):
    before = msgspec.json.encode(USUAL[name], enc_hook=_plain)
    plot(name)
    assert msgspec.json.encode(USUAL[name], enc_hook=_plain) == before


def _plain(value):
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value.n_clips)


def test_unknown_plots_are_refused():
    with pytest.raises(ConfigError, match="plot 'pie' is unknown; known: classes"):
        drawn("pie")


def test_a_picture_is_a_real_png_and_the_same_each_time(tmp_path):
    for name in ("first", "second"):
        save(plot("reliability"), tmp_path / f"{name}.png")
    written = (tmp_path / "first.png").read_bytes()
    assert written[:8] == b"\x89PNG\r\n\x1a\n"
    assert b"Software" not in written
    width, height = (int.from_bytes(written[i : i + 4], "big") for i in (16, 20))
    assert (width, height) == (930, 960)
    assert written == (tmp_path / "second.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.png", "second.png"]


def test_an_svg_is_the_same_each_time_and_has_no_date(tmp_path):
    for name in ("first", "second"):
        save(plot("speakers"), tmp_path / f"{name}.SVG")
    written = (tmp_path / "first.SVG").read_text()
    assert written.startswith("<?xml")
    assert "dc:date" not in written
    assert written == (tmp_path / "second.SVG").read_text()


def test_other_files_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"wanted a name that ends in \.png or \.svg"):
        save(Figure(), tmp_path / "plot.gif")


def test_the_users_own_settings_neither_matter_nor_change(tmp_path):
    import matplotlib as mpl

    save(plot("fft"), tmp_path / "first.png")
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "black", "savefig.dpi": 40}):
        save(plot("fft"), tmp_path / "second.png")
        assert mpl.rcParams["font.size"] == 30
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


def test_matplotlib_is_loaded_only_to_draw_and_pyplot_never():
    code = (
        "import sys, trainer.plots, importlib\n"
        "assert 'matplotlib' not in sys.modules\n"
        "[importlib.import_module(entry.partition(':')[0]) for entry in trainer.plots.PLOTS.values()]\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_missing_matplotlib_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "trainer.plots.style")
    with pytest.raises(MissingDependencyError, match=r"ser-monitor\[train\]"):
        drawn("classes", **USUAL["classes"])


def test_classes_are_stacked_by_gender_and_add_up():
    first, second = panels(plot("classes"))
    assert sum(bar.get_width() for bar in first.patches) == 6
    assert len(first.patches) == 2 * 3
    assert [text.get_text() for text in first.texts] == ["3", "3"]
    assert second.get_title(loc="left") == "B: 2 clips"
    assert texts(plot("classes")) == ["female", "male", "unknown"]


@pytest.mark.parametrize(("n", "shape"), [(1, (1, 1)), (4, (1, 4)), (5, (2, 3)), (7, (2, 4))])
def test_grids_have_a_panel_each_and_the_same_limits(n, shape):
    grid = panels(plot("waveform", clips=clips(n)))
    assert [axes.get_title(loc="left") for axes in grid] == list(EMOTIONS[:n])
    assert grid[0].get_subplotspec().get_gridspec().get_geometry() == shape
    assert len({(axes.get_xlim(), axes.get_ylim()) for axes in grid}) == 1
    assert grid[0].get_xlim() == pytest.approx((0, 0.1 * (n + 1)))


def test_long_waveforms_keep_their_peaks_in_few_points():
    samples = np.zeros(200_000, np.float32)
    samples[123_457] = 0.9
    (axes,) = panels(plot("waveform", clips={"click": samples}))
    values = axes.lines[0].get_ydata()
    assert len(values) == 2000
    assert values.max() == np.float32(0.9)


def test_a_spectrum_keeps_its_power_when_bins_are_averaged():
    levels = np.full(4000, -60.0)
    levels[1000] = 0.0
    figure = plot("fft", clips={"tone": levels}, frequencies_hz=np.linspace(0, 8000, 4000))
    line = panels(figure)[0].lines[0]
    assert len(line.get_ydata()) == 400
    assert line.get_ydata().max() == pytest.approx(-10, abs=0.01)
    assert line.get_xdata()[np.argmax(line.get_ydata())] == pytest.approx(2, abs=0.02)


@pytest.mark.parametrize("name", ["spectrogram", "mel", "filterbank", "mfcc"])
def test_heat_maps_share_colours_and_lie_right_way_up(name):
    figure = plot(name)
    grid = panels(figure)
    assert len(grid) == 7
    assert len(figure.axes) == 8
    images = [axes.images[0] for axes in grid]
    assert len({image.get_clim() for image in images}) == 1
    for image, values in zip(images, USUAL[name]["clips"].values(), strict=True):
        np.testing.assert_array_equal(image.get_array(), values.T)
        assert image.origin == "lower"
        assert image.get_extent()[1] == pytest.approx(0.01 * len(values))


def test_mel_bands_are_labelled_with_frequencies():
    axes = panels(plot("mel"))[0]
    ticks = dict(zip([label.get_text() for label in axes.get_yticklabels()], axes.get_yticks(), strict=True))
    # The band nearest to 1 kHz, of 40 from 100 Hz to 7.5 kHz in equal ratios.
    assert ticks["1"] == pytest.approx(0.5 + 39 * np.log(10) / np.log(75), abs=0.05)
    assert "8" not in ticks


def test_each_augmentation_has_a_row():
    figure = plot("augmentation")
    grid = panels(figure)
    assert len(grid) == 3 * 2
    assert [axes.get_title(loc="left") for axes in grid[::2]] == ["before", "noise", "slower"]


def test_levels_of_a_sine_of_full_scale_are_0_dbfs():
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE_HZ) / RATE_HZ)
    levels = level_map(tone, RATE_HZ)
    assert levels.shape == (98, 201)
    assert levels.max() == pytest.approx(0, abs=0.1)
    assert np.argmax(levels[50]) == 1000 // 40
    assert level_map(np.zeros(3), RATE_HZ).shape == (1, 201)


def test_training_has_a_panel_for_what_was_logged():
    loss, uar, rate = panels(plot("training"))
    assert [axes.get_ylabel() for axes in (loss, uar, rate)] == [
        "loss (nats)",
        "UAR, WAR (%)",
        "learning rate (per step)",
    ]
    assert [line.get_label() for line in loss.lines] == ["training loss", "validation loss"]
    assert len(loss.lines[0].get_xdata()) == 12
    assert "training WAR" in [line.get_label() for line in uar.lines]
    # The best look is that with the best mean, whatever training or a single corpus does.
    assert uar.lines[-1].get_label() == "best 50.0 % at 7"
    assert rate.get_yscale() == "log"
    only = panels(plot("training", records=[{"step": i, "loss": 1.0} for i in range(3)]))
    assert [axes.get_xlabel() for axes in only] == ["step (number)"]


def test_a_log_without_curves_is_refused():
    with pytest.raises(ValueError, match="without loss"):
        plot("training", records=[{"epoch": 1, "seconds": 2.0}])


def test_a_run_s_log_is_read(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join(msgspec.json.encode(record) for record in records(3)) + b"\n\n")
    assert read_log(path) == records(3)
    path.write_text("[1]\n")
    with pytest.raises(RefusedError, match="one JSON object a line"):
        read_log(path)
    with pytest.raises(NoInputError, match="cannot be read"):
        read_log(tmp_path / "none.jsonl")


def test_the_steepest_fall_is_found_before_the_loss_breaks_out():
    rates = np.geomspace(1e-6, 1, 121)
    losses = 2 - 1 / (1 + np.exp(-4 * (np.log10(rates) + 3))) + np.exp(8 * (np.log10(rates) + 0.5))
    assert steepest_rate(rates, smoothed(losses)) == pytest.approx(1e-3, rel=0.3)
    assert steepest_rate(rates, np.linspace(1, 2, 121)) is None


def test_smoothing_neither_lags_nor_shifts_a_line():
    line = np.linspace(3, 1, 80)
    np.testing.assert_allclose(smoothed(line)[10:-10], line[10:-10])
    assert len(smoothed(np.array([1.0, 2.0]))) == 2


def test_confusion_shows_counts_over_shares_and_leaves_zeros_empty():
    counts = [[8, 2, 0], [0, 0, 0]]
    axes = panels(plot("confusion", confusion=counts, labels=["sad", "calm"]))[0]
    assert [text.get_text() for text in axes.texts] == ["8\n80 %", "2\n20 %", "does not occur"]
    assert axes.images[0].get_array().shape == (2, 2)
    with_none = panels(plot("confusion", confusion=[[8, 2, 1], [0, 0, 0]], labels=["sad", "calm"]))[0]
    assert [label.get_text() for label in with_none.get_xticklabels()] == ["sad", "calm", "no answer"]
    with pytest.raises(ValueError, match=r"shape \(2, 3\)"):
        plot("confusion", confusion=counts, labels=["sad"])


def test_confusion_cells_do_not_overflow():
    figure = plot("confusion", confusion=np.full((16, 16), 1234), labels=[f"male_number_{i}" for i in range(16)])
    axes = panels(figure)[0]
    cell = axes.get_window_extent().width / 16
    assert max(text.get_window_extent().width for text in axes.texts) < cell


def test_reliability_draws_filled_bins_only_above_and_all_below():
    bins = reliability([0, 1, 1], np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]))
    figure = plot("reliability", bins=bins)
    above, below = panels(figure)
    assert [bar.get_height() for bar in above.patches] == [0, 100, 100]
    assert len(below.patches) == 15
    assert sum(bar.get_height() for bar in below.patches) == 3
    assert f"{100 * bins.ece:.1f} points" in figure.get_suptitle()


def test_every_clip_is_a_point_and_every_label_in_the_legend():
    figure = plot("embedding")
    (axes,) = panels(figure)
    assert sum(len(line.get_xdata()) for line in axes.lines) == 40
    assert texts(figure) == [*sorted(EMOTIONS[:4]), "speaker:", "f", "m"]


def test_sixteen_labels_look_different():
    labels = [f"{gender}_{i}" for gender in ("female", "male") for i in range(8)]
    figure = plot("embedding", points=rng().standard_normal((16, 2)), labels=labels, marks=())
    looks = {(line.get_markerfacecolor(), line.get_markeredgecolor()) for line in panels(figure)[0].lines}
    assert len(looks) == 16


@pytest.mark.parametrize("method", ["pca", "t-sne"])
def test_points_keep_groups_apart(method):
    group = np.repeat([0, 1], 20)
    vectors = rng().standard_normal((40, 10)) + 20 * group[:, None]
    points, names = points_of(vectors, method)
    assert points.shape == (40, 2)
    assert all(UNIT.search(name) for name in names)
    middles = np.array([points[group == i].mean(axis=0) for i in (0, 1)])
    distances = np.linalg.norm(points[:, None] - middles, axis=2)
    np.testing.assert_array_equal(distances.argmin(axis=1), group)
    np.testing.assert_array_equal(points_of(vectors, method)[0], points)


def test_speakers_are_sorted_and_coloured_by_gender():
    figure = plot("speakers")
    (axes,) = panels(figure)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[0] == "A/11 (21)"
    assert labels[-1] == "A/00 (10)"
    assert len(axes.containers) == 3
    assert sum(len(bars) for bars in axes.containers) == 12
    assert {"female", "male", "unknown", "95 % interval"} <= set(texts(figure))


def test_systems_have_a_row_and_a_mark_for_what_is_known():
    figure = plot("comparison")
    (axes,) = panels(figure)
    marks = {line.get_label(): list(line.get_xdata()) for line in axes.lines}
    assert marks["stated by the authors"] == [90, 70]
    assert marks["other clips of the same speakers: LEAKY"] == [80, 70]
    assert marks["speakers never heard before, here"] == [40, 60]
    assert marks["guessing"] == [12.5]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["first", "second\n6 labels", "third"]
    assert texts(figure).count("95 % interval") == 1


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("classes", {"corpora": [], "labels": [], "genders": []}),
        ("waveform", {"clips": {}}),
        ("mfcc", {"clips": {}}),
        ("filterbank", {"clips": {}}),
        ("rates", {"losses": [np.nan] * 50}),
        ("embedding", {"marks": ["f"]}),
        ("speakers", {"speakers": {}}),
        ("comparison", {"systems": []}),
        ("conditions", {"corpora": {}}),
        ("confusion", {"confusion": np.zeros((0, 0)), "labels": []}),
    ],
)
def test_nothing_to_draw_is_refused(name, changes):
    with pytest.raises(ValueError, match="wanted"):
        plot(name, **changes)


def test_a_stream_shows_how_many_clips_got_their_label():
    late = panels(plot("stream"))[2]
    clean, noisy = late.lines[:2]
    assert clean.get_ydata()[-1] == pytest.approx(100 * 2 / 3)
    assert list(noisy.get_xdata()) == [0.0, 0.0, 7.0, 7.0]
    assert late.get_xlim() == (0, 5)


def test_a_stream_of_many_long_labels_fills_its_width():
    """Their legend is no wider than the panels, and what has a colour again has stripes."""
    labels = [f"{gender}_{emotion}" for gender in ("female", "male") for emotion in EMOTIONS]
    spoken = [(5.0 * i, 5.0 * i + 3, label) for i, label in enumerate(labels[:12])]
    figure = plot("stream", labels=labels, spoken=spoken, heard=[[(7.0, labels[0]), (9.0, labels[8])]])
    figure.draw_without_rendering()
    wave, rows, _ = panels(figure)
    assert wave.get_position().width > 0.7
    legend = rows.get_legend().get_window_extent()
    assert legend.x1 <= figure.bbox.x1
    looks = {(patch.get_facecolor(), patch.get_hatch()) for patch in rows.get_legend().get_patches()}
    assert len(looks) == 12 + 1


def test_a_stream_draws_its_first_minute():
    wave, rows, _ = panels(plot("stream"))
    assert rows.get_xlim() == wave.get_xlim() == (0, 60)
    # Two clips and the one beyond; three stretches that were shown.
    assert len(rows.patches) == 3 + 3


def test_conditions_have_a_panel_a_corpus_and_a_mark_where_they_may_lie():
    figure = plot("conditions")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["A", "B", "all"]
    (first, *_) = figure.axes
    assert [label.get_text() for label in first.get_yticklabels()] == list(CONDITIONS)
    bounds = [float(line.get_xdata()[0]) for line in first.lines if line.get_marker() == "|"]
    assert bounds == pytest.approx([52, 55])
    assert len(first.collections) == 2
    assert set(texts(figure)) == {"as recorded", "95 % interval over speakers", "UAR", "wanted at least"}


@pytest.mark.parametrize("n_corpora", [1, 3])
def test_the_legend_of_conditions_stays_within_the_picture(n_corpora):
    figure = plot("conditions", corpora={f"A{i}": CONDITIONS for i in range(n_corpora)})
    figure.draw_without_rendering()
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.width


def test_confusion_names_are_not_cut_off():
    figure = plot("confusion", confusion=np.diag(np.arange(7)), labels=EMOTIONS)
    (axes,) = panels(figure)
    figure.draw_without_rendering()
    assert axes.yaxis.label.get_window_extent().x0 >= 0


def test_naming_shows_each_condition_and_leaves_out_what_is_not_named():
    figure = plot("naming")
    right, named = figure.axes
    curves = [line for line in right.lines if len(line.get_xdata()) > 2]
    assert [list(line.get_ydata()) for line in curves] == [[60, 70, 85, 100]] * 2
    assert [list(line.get_ydata()) for line in named.lines[:2]] == [[100, 80, 50, 10, 0]] * 2
    assert texts(figure) == ["clean", "room", "min_confidence: 0.6", "wanted: 80 %"]


def test_coverage_marks_the_chosen_threshold_and_leaves_out_what_nobody_answers():
    figure = plot("coverage")
    (axes,) = figure.axes
    (curve,) = [line for line in axes.lines if line.get_label() == "each threshold of confidence"]
    assert list(curve.get_xdata()) == [100, 80, 50, 10]
    assert "chosen: 0.60" in texts(figure)
