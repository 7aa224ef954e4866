import dataclasses

import msgspec
import numpy as np
import pytest

from monitor.errors import ConfigError
from monitor.pipeline.features.spec import FeatureSpec
from trainer import cache
from trainer.cache import cached_copies, energies_spec
from trainer.dataset import Batches
from trainer.experiment import check_chains, train_recipe
from trainer.heads import Heads
from trainer.labels import label_scheme
from trainer.material import gather, heard
from trainer.nonspeech import non_speech_clips
from trainer.recipe import AdapterTable


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def make_batches(recipe, root, folder):
    train = gather(recipe, root).splits.train
    copies = cached_copies(train, recipe, root, folder)
    unspoken = recipe.non_speech and non_speech_clips(recipe.non_speech, root, folder)
    others = cached_copies(unspoken, recipe, root, folder) if unspoken else None
    scheme = label_scheme(recipe.labels)
    return Batches(copies, train, scheme, recipe, front_end=lambda energies: energies / 10, non_speech=others)


def test_batches_depend_on_recipe_and_number_only(tiny, corpora_root, session_cache, tmp_path):
    first = make_batches(tiny, corpora_root, session_cache)
    second = make_batches(tiny, corpora_root, tmp_path)
    for number in (0, 3, 2):
        for one, other in zip(first.batch(number), second.batch(number), strict=True):
            np.testing.assert_array_equal(one, other)


def test_batches_have_the_stated_shapes(tiny, corpora_root, session_cache):
    maps, targets = make_batches(tiny, corpora_root, session_cache).batch(5)
    assert maps.shape == (16, 300, 40)  # eight windows and their twins
    assert maps.dtype == targets.dtype == np.float32
    assert np.isfinite(maps).all()
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)


def test_recordings_without_speech_fill_their_share_of_a_batch(tiny, corpora_root, session_cache):
    plain = tiny.replaced(augment=msgspec.structs.replace(tiny.augment, energies=(), maps=()))
    batches = make_batches(plain, corpora_root, session_cache)
    maps, targets = batches.batch(4)
    assert targets.shape == (16, 8)  # seven labels and no speech
    np.testing.assert_array_equal(targets[:, 7], np.tile([0, 0, 0, 0, 0, 0, 1, 1], 2))
    clips = non_speech_clips(plain.non_speech, corpora_root, session_cache)
    others = cached_copies(clips, plain, corpora_root, session_cache)
    # The loudest frame of each window is one of the recordings': here they are told apart by their numbers alone.
    recorded = {round(float(frame.sum()), 1) for frame in others.energies.astype(np.float32) / 10}
    assert all(len(recorded & {round(float(frame.sum()), 1) for frame in window}) > 10 for window in maps[[6, 7]])
    speechless = make_batches(plain.replaced(non_speech=None), corpora_root, session_cache)
    assert speechless.batch(4)[1].shape == (16, 7)


def test_speech_and_what_is_none_are_not_mixed(tiny, corpora_root, session_cache):
    mixup = {"name": "mixup", "probability": 1.0, "concentration": 1.0}
    mixed = tiny.replaced(augment=msgspec.structs.replace(tiny.augment, maps=(mixup,)))
    _, targets = make_batches(mixed, corpora_root, session_cache).batch(4)
    np.testing.assert_array_equal(targets[:, 7], np.tile([0, 0, 0, 0, 0, 0, 1, 1], 2))
    # Speech is mixed with speech.
    assert ((targets[:, :7] > 0) & (targets[:, :7] < 1)).any()


def test_two_draws_share_windows_but_not_masks(tiny, corpora_root, session_cache):
    plain = tiny.replaced(augment=msgspec.structs.replace(tiny.augment, maps=()))
    bare = make_batches(plain, corpora_root, session_cache)
    np.testing.assert_array_equal(bare.batch(0)[0], bare.batch(1)[0])
    assert not np.array_equal(bare.batch(1)[0], bare.batch(2)[0])
    masked = make_batches(tiny, corpora_root, session_cache)
    assert not np.array_equal(masked.batch(0)[0], masked.batch(1)[0])


def test_twins_differ_in_level_only(tiny, corpora_root, tmp_path):
    gain = {"name": "gain", "min_dbfs": -40.0, "max_dbfs": -30.0}
    augment = msgspec.structs.replace(tiny.augment, recording=(), level=(gain,), twin=(gain,))
    sampling = msgspec.structs.replace(tiny.sampling, twin_shift_frames=0.0)
    maps, targets = make_batches(tiny.replaced(augment=augment, sampling=sampling), corpora_root, tmp_path).batch(0)
    np.testing.assert_array_equal(targets[:8], targets[8:])
    loud = maps[:8] > 0.8  # far above the rounding of 16 bits, in the same masks and mixtures
    shift = np.where(loud, maps[:8] - maps[8:], np.nan).reshape(8, -1)
    assert np.nanstd(shift, axis=1).max() < 0.02
    assert np.abs(np.nanmedian(shift, axis=1)).max() > 0.02


def test_without_a_twin_stage_there_are_no_twins(tiny, corpora_root, tmp_path):
    augment = msgspec.structs.replace(tiny.augment, twin=())
    maps, targets = make_batches(tiny.replaced(augment=augment), corpora_root, tmp_path).batch(0)
    assert len(maps) == len(targets) == 8


def test_consistency_needs_twins_and_twins_consistency(tiny):
    for changes in (
        {"augment": msgspec.structs.replace(tiny.augment, twin=())},
        {"training": msgspec.structs.replace(tiny.training, consistency=0.0)},
    ):
        with pytest.raises(ConfigError, match="go together"):
            check_chains(tiny.replaced(**changes))


def test_a_refit_is_for_crossval_and_keeps_the_last_weights(tiny, corpora_root, tmp_path):
    refit = tiny.replaced(training=msgspec.structs.replace(tiny.training, refit=True))
    with pytest.raises(ConfigError, match=r"training\.refit is for ser-train crossval"):
        train_recipe(refit, corpora_root, tmp_path / "run")
    with pytest.raises(ConfigError, match="leaves nobody to choose by"):
        check_chains(refit.replaced(training=msgspec.structs.replace(refit.training, keep="best")))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"begins_with": ""}, "non_speech, tasks.speech_activity and training.begins_with"),
        ({"label_smoothing": 0.1}, "label_smoothing = 0.1; wanted 0"),
    ],
)
def test_an_adapter_is_laid_on_a_network_that_is_to_stay_as_it_is(tiny, changes, wanted):
    training = msgspec.structs.replace(tiny.training, begins_with="other", label_smoothing=0.0)
    tasks = msgspec.structs.replace(tiny.tasks, speech_activity=0.2)
    adapted = tiny.replaced(adapter=AdapterTable(), training=training, tasks=tasks)
    check_chains(adapted)
    with pytest.raises(ConfigError, match=wanted):
        check_chains(adapted.replaced(training=msgspec.structs.replace(training, **changes)))
    for lacking in ({"non_speech": None}, {"tasks": tiny.tasks}):
        with pytest.raises(ConfigError, match="wanted the table non_speech"):
            check_chains(adapted.replaced(**lacking))


def test_another_seed_draws_other_batches(tiny, corpora_root, session_cache, tmp_path):
    one = make_batches(tiny, corpora_root, session_cache).batch(0)[0]
    assert not np.array_equal(one, make_batches(tiny.replaced(seed=4), corpora_root, tmp_path).batch(0)[0])


def test_labels_are_drawn_evenly(tiny, corpora_root, session_cache):
    plain = tiny.replaced(augment=msgspec.structs.replace(tiny.augment, maps=(), energies=()))
    batches = make_batches(plain, corpora_root, session_cache)
    drawn = np.sum([batches.batch(number)[1][:, :7].sum(axis=0) for number in range(0, 200, 2)], axis=0)
    assert np.count_nonzero(drawn) == 5
    np.testing.assert_allclose(drawn[:5] / drawn.sum(), 0.2, atol=0.06)


def test_cache_is_kept_and_an_interrupted_one_goes_on(tiny, corpora_root, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "_SHARD_CLIPS", 8)
    train = gather(tiny, corpora_root).splits.train
    whole = cached_copies(train, tiny, corpora_root, tmp_path)
    (folder,) = tmp_path.iterdir()
    shards = sorted(folder.iterdir())
    kept = shards[0].stat().st_mtime_ns
    shards[1].unlink()
    again = cached_copies(train, tiny, corpora_root, tmp_path)
    assert shards[0].stat().st_mtime_ns == kept
    for name in ("energies", "clip", "start", "n_frames", "speech_start", "speech_end"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(again, name))


def test_folds_share_the_copies_of_their_speakers(tiny, corpora_root, tmp_path):
    train = gather(tiny, corpora_root).splits.train
    whole = cached_copies(train, tiny, corpora_root, tmp_path)
    (folder,) = tmp_path.iterdir()
    shards = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    speakers = sorted({(u.corpus, u.speaker) for u in train})
    assert len(shards) >= len(speakers) > 1
    # Clips of all speakers mixed, but for one speaker's.
    some = [u for u in train if (u.corpus, u.speaker) != speakers[0]][::-1]
    part = cached_copies(some, tiny, corpora_root, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == shards

    def of_clip(copies, i):
        rows = [
            slice(a, a + n)
            for a, n in zip(copies.start[copies.clip == i], copies.n_frames[copies.clip == i], strict=True)
        ]
        return np.concatenate([copies.energies[row] for row in rows])

    assert sorted(part.clip) == list(part.clip)
    for i in (0, len(some) // 2, len(some) - 1):
        np.testing.assert_array_equal(of_clip(part, i), of_clip(whole, train.index(some[i])))


def test_copies_hold_the_speech(tiny, corpora_root, session_cache):
    train = gather(tiny, corpora_root).splits.train
    copies = cached_copies(train, tiny, corpora_root, session_cache)
    assert len(copies.clip) == sum(tiny.corpora[u.corpus].copies for u in train)
    assert (copies.speech_start >= 290).all()
    assert (copies.speech_end > copies.speech_start).all()
    assert (copies.speech_end < copies.n_frames).all()


def test_windows_are_those_of_the_pipeline(tiny, corpora_root):
    clips = gather(tiny, corpora_root).splits.validation
    windows = heard(clips, tiny, "validation")
    assert windows.windows.shape[1:] == (300, 40)
    assert set(windows.clip) == set(range(len(clips)))


def test_transform_that_cannot_be_undone_is_refused():
    with pytest.raises(ConfigError, match="13 cepstra of 40 filters"):
        energies_spec(FeatureSpec(n_cepstra=13))


def test_copies_made_with_other_recordings_are_not_taken_for_these(tiny, monkeypatch):
    """Training leaves out what models are judged by since version 3 of the cache."""
    now = cache._key(tiny)
    monkeypatch.setattr(cache, "_VERSION", 2)
    assert cache._key(tiny) != now


def test_heads_have_targets_of_their_own(tiny, corpora_root, session_cache):
    tasks = msgspec.convert({"gender": 0.1, "speech_activity": 0.2}, type(tiny.tasks))
    plain = tiny.replaced(tasks=tasks, augment=msgspec.structs.replace(tiny.augment, energies=(), maps=()))
    batches = make_batches(plain, corpora_root, session_cache)
    heads = Heads.of(plain)
    for number in range(0, 8, 2):
        maps, targets = batches.batch(number)
        emotion, gender, spoken = heads.split(targets)
        assert [part.shape[1] for part in (emotion, gender, spoken)] == [8, 2, 300]
        np.testing.assert_array_equal(emotion.sum(axis=1), 1)
        for half in (slice(0, 8), slice(8, 16)):
            np.testing.assert_array_equal(gender[half].sum(axis=1), [1, 1, 1, 1, 1, 1, 0, 0])
            assert not spoken[half][6:].any()
            assert (spoken[half][:6].mean(axis=1) > 0.05).all()
            # The lead is quiet: of speech there is more energy.
            loud = maps[half][:6].mean(axis=2)
            assert all(
                window[said > 0].mean() > window[said == 0].mean() + 0.1
                for window, said in zip(loud, spoken[half][:6], strict=True)
            )


def test_a_clip_whose_gender_is_not_known_has_none(tiny, corpora_root, session_cache):
    tasks = msgspec.convert({"gender": 0.1}, type(tiny.tasks))
    recipe = tiny.replaced(tasks=tasks, non_speech=None)
    train = gather(recipe, corpora_root).splits.train
    copies = cached_copies(train, recipe, corpora_root, session_cache)
    unknown = [dataclasses.replace(utterance, gender="") for utterance in train]
    batches = Batches(copies, unknown, label_scheme(recipe.labels), recipe, front_end=lambda energies: energies)
    np.testing.assert_array_equal(batches.batch(0)[1][:, 7:], 0)
