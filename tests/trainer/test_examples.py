"""Layout of clips: windows, draws, scaling; and the batches that are made of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from monitor.errors import ConfigError, ModelError, NoInputError
from trainer.clipbatches import ClipBatches, label_weights
from trainer.cliprecipe import FitTable, LayoutTable
from trainer.examples import Examples, Scaler

RNG = np.random.default_rng(0)
LENGTHS = (30, 12, 5, 41, 30, 18)
FEATURES = [(RNG.normal(size=(n, 3)) * [1, 10, 0.1] + [0, -500, 3]).astype(np.float32) for n in LENGTHS]
CLIP = [0, 1, 2, 3, 0, 1]
"""Clips 0 and 1 have a second version."""
LABELS = [0, 2, 2, 2]


def examples(**layout):
    return Examples(FEATURES, CLIP, LABELS, LayoutTable(**layout))


@pytest.mark.parametrize(("scaling", "oracle"), [("standard", StandardScaler), ("range", MinMaxScaler)])
def test_each_coefficient_scaled_as_scikit_learn_does(scaling, oracle):
    scaler = Scaler.fitted(FEATURES, scaling)
    frames = np.concatenate(FEATURES).astype(np.float64)
    wanted = oracle().fit_transform(frames)
    np.testing.assert_allclose(scaler(frames.astype(np.float32)), wanted, atol=2e-5)
    np.testing.assert_allclose(scaler.centre, wanted.mean(axis=0), atol=2e-5)


def test_all_coefficients_scaled_together():
    frames = np.concatenate(FEATURES).astype(np.float64)
    scaled = Scaler.fitted(FEATURES, "standard-global")(frames.astype(np.float32))
    assert scaled.mean() == pytest.approx(0, abs=1e-5)
    assert scaled.std() == pytest.approx(1, abs=1e-5)
    ranged = Scaler.fitted(FEATURES, "range-global")(frames.astype(np.float32))
    assert (ranged.min(), ranged.max()) == pytest.approx((0, 1), abs=1e-6)
    np.testing.assert_array_equal(Scaler.fitted(FEATURES, "none")(FEATURES[0]), FEATURES[0])


def test_what_never_changes_becomes_zero():
    scaler = Scaler.fitted([np.full((9, 2), 7, dtype=np.float32)], "standard")
    assert not scaler(np.full((3, 2), 7, dtype=np.float32)).any()


def test_only_training_clips_are_measured():
    train = examples(window_frames=8)
    other = train.alike([1000 + FEATURES[0]], [0], [1])
    assert other.scaler is train.scaler
    assert other.frames(other.every()).mean() > 100


def test_a_scaler_is_kept_and_read_again(tmp_path):
    scaler = Scaler.fitted(FEATURES, "standard")
    scaler.write(tmp_path / "scaler.npz")
    np.testing.assert_array_equal(Scaler.read(tmp_path / "scaler.npz")(FEATURES[1]), scaler(FEATURES[1]))
    with pytest.raises(NoInputError):
        Scaler.read(tmp_path / "none.npz")
    (tmp_path / "bad.npz").write_bytes(b"PK no archive")
    with pytest.raises(ModelError):
        Scaler.read(tmp_path / "bad.npz")


@settings(deadline=None)
@given(lengths=st.lists(st.integers(1, 60), min_size=1, max_size=5), window=st.integers(1, 40))
def test_windows_cover_every_frame_at_half_overlap(lengths, window):
    clips = [np.arange(1, n + 1, dtype=np.float32)[:, None] for n in lengths]
    laid = Examples(clips, range(len(clips)), [0] * len(clips), LayoutTable(window_frames=window, scaling="none"))
    windows = laid.every()
    frames = laid.frames(windows)[..., 0]
    for number, n in enumerate(lengths):
        of_clip = laid.clips_of(windows) == number
        assert set(frames[of_clip].ravel()) == set(range(1, n + 1))
        starts = windows.start[of_clip]
        assert (np.diff(starts) >= 1).all()
        assert (np.diff(starts) <= max(window // 2, 1)).all()
        assert starts[-1] == max(n - window, 0)


def test_a_short_clip_goes_on_with_its_last_frame():
    laid = examples(window_frames=8, scaling="none")
    cut = laid.frames(laid.every()[laid.clips_of(laid.every()) == 2])
    np.testing.assert_array_equal(cut[0, :5], FEATURES[2])
    np.testing.assert_array_equal(cut[0, 5:], np.tile(FEATURES[2][-1], (3, 1)))


def test_whole_clips_have_the_longest_ones_length_and_so_have_others():
    train = examples()
    assert train.input_shape == (41, 3)
    assert train.alike([FEATURES[2]], [0], [0]).maps(train.alike([FEATURES[2]], [0], [0]).every()).shape == (1, 41, 3)


def test_pooled_clips_are_their_means():
    laid = examples(pooled=True, scaling="none")
    windows = laid.every()
    assert laid.input_shape == (3, 1)
    assert laid.maps(windows).shape == (4, 3, 1)
    np.testing.assert_allclose(laid.vectors(windows), [f.mean(axis=0) for f in FEATURES[:4]], rtol=1e-5)
    assert len(laid.every(augmented=True)) == len(FEATURES)


@settings(deadline=None, max_examples=30)
@given(epoch=st.integers(0, 1000), per_clip=st.integers(1, 4))
def test_each_epoch_draws_each_clip_alike_often(epoch, per_clip):
    laid = examples(window_frames=8, windows_per_clip=per_clip)
    drawn = laid.drawn(epoch, 5)
    assert np.bincount(laid.clips_of(drawn), minlength=4).tolist() == [per_clip] * 4
    lengths = np.array(LENGTHS)[drawn.version]
    assert (drawn.start >= 0).all()
    assert (drawn.start + 8 <= np.maximum(lengths, 8)).all()
    again = laid.drawn(epoch, 5)
    np.testing.assert_array_equal(again.start, drawn.start)
    np.testing.assert_array_equal(again.version, drawn.version)


def test_epochs_and_seeds_differ_and_all_versions_and_places_come():
    laid = examples(window_frames=8)
    drawn = [laid.drawn(epoch, 1) for epoch in range(200)]
    assert set(np.concatenate([windows.version for windows in drawn])) == set(range(len(FEATURES)))
    of_longest = np.concatenate([windows.start[windows.version == 3] for windows in drawn])
    assert set(of_longest) == set(range(41 - 8 + 1))
    assert not np.array_equal(laid.drawn(0, 1).start, laid.drawn(0, 2).start)


@pytest.mark.parametrize("per_clip", [1, 3])
def test_balanced_draws_have_all_labels_alike_often(per_clip):
    laid = examples(window_frames=8, windows_per_clip=per_clip)
    drawn = laid.drawn(3, 1, balanced=True)
    assert np.bincount(laid.labels_of(drawn), minlength=3).tolist() == [2 * per_clip, 0, 2 * per_clip]
    assert len(set(laid.clips_of(drawn)[laid.labels_of(drawn) == 2])) == min(2 * per_clip, 3)


def test_posteriors_of_windows_are_averaged_per_clip():
    laid = examples(window_frames=8)
    posteriors = np.random.default_rng(1).dirichlet(np.ones(3), len(laid.every()))
    clips = laid.clips_of(laid.every())
    wanted = [posteriors[clips == number].mean(axis=0) for number in range(4)]
    np.testing.assert_allclose(laid.averaged(posteriors), wanted, atol=1e-12)


def test_clips_that_cannot_be_laid_out_are_refused():
    with pytest.raises(ConfigError, match="no clips"):
        Examples([], [], [], LayoutTable())
    with pytest.raises(ModelError, match="clip 1 has no features"):
        Examples(FEATURES[:1], [0], [0, 1], LayoutTable())
    with pytest.raises(ModelError, match=r"wanted \(frames, 3\)"):
        examples().alike([np.zeros((4, 5), np.float32)], [0], [0])
    with pytest.raises(ModelError, match="shape"):
        examples().alike([np.zeros((0, 3), np.float32)], [0], [0])
    with pytest.raises(ModelError, match="finite"):
        Examples([np.full((4, 2), np.nan, np.float32)], [0], [0], LayoutTable())


def fit_table(**settings):
    return FitTable(epochs=1, **settings)


def test_an_epoch_of_batches_holds_every_window_once_and_is_filled_up():
    laid = examples(window_frames=8, windows_per_clip=4)
    batches = ClipBatches(laid, fit_table(batch_size=5), 1, 3)
    assert (batches.size, batches.per_epoch) == (5, 4)
    maps = np.concatenate([batches.batch(i).maps for i in range(4, 8)])
    wanted = laid.maps(laid.drawn(1, 1))
    np.testing.assert_array_equal(maps[:16], wanted)
    np.testing.assert_array_equal(maps[16:], wanted[:4])


def test_a_batch_depends_on_nothing_before_it():
    table = fit_table(batch_size=3, mixup=0.4, time_mask=4, frequency_mask=2)
    first = ClipBatches(examples(window_frames=8), table, 1, 3)
    for i in range(6):
        wanted = first.batch(i)
    found = ClipBatches(examples(window_frames=8), table, 1, 3).batch(5)
    np.testing.assert_array_equal(found.maps, wanted.maps)
    np.testing.assert_array_equal(found.targets, wanted.targets)


def test_weights_make_labels_count_alike():
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.array([0, 0, 0, 2, 2, 3])
    weights = label_weights(labels, 5)
    np.testing.assert_allclose(
        weights[[0, 2, 3]], compute_class_weight("balanced", classes=np.array([0, 2, 3]), y=labels)
    )
    assert not weights[[1, 4]].any()
    assert weights[labels].mean() == pytest.approx(1)
    batch = ClipBatches(examples(window_frames=8), fit_table(class_weights=True), 1, 3).batch(0)
    assert batch.weights.mean() == pytest.approx(1)
    assert batch.weights[batch.targets[:, 0] == 1] == pytest.approx(2)


def test_mixup_mixes_maps_and_targets_alike():
    clips = [np.full((8, 1), label, np.float32) for label in (0, 1)]
    laid = Examples(clips, [0, 1], [0, 1], LayoutTable(window_frames=8, windows_per_clip=20, scaling="none"))
    batch = ClipBatches(laid, fit_table(mixup=1.0, batch_size=40), 1, 2).batch(0)
    np.testing.assert_allclose(batch.maps[:, 0, 0], batch.targets[:, 1], atol=1e-6)
    assert ((batch.targets > 0.01) & (batch.targets < 0.99)).any()
    np.testing.assert_allclose(batch.targets.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("scaling", ["none", "standard", "range"])
def test_masks_hide_with_the_mean_of_the_training_clips(scaling):
    laid = examples(window_frames=8, scaling=scaling, windows_per_clip=10)
    plain = ClipBatches(laid, fit_table(batch_size=40), 1, 3).batch(0).maps
    masked = ClipBatches(laid, fit_table(batch_size=40, time_mask=3), 1, 3).batch(0).maps
    hidden = np.abs(plain - masked).max(axis=2) > 1e-3
    assert hidden.any()
    assert hidden.sum(axis=1).max() <= 3
    np.testing.assert_allclose(masked[hidden], np.tile(laid.scaler.centre, (hidden.sum(), 1)), atol=1e-3)


def test_pooled_vectors_are_masked_over_coefficients():
    laid = examples(pooled=True, windows_per_clip=10)
    masked = ClipBatches(laid, fit_table(batch_size=40, frequency_mask=2), 1, 3).batch(0).maps
    hidden = (np.abs(masked[..., 0]) < 1e-6).sum(axis=1)
    assert hidden.max() == 2
    assert hidden.min() == 0
