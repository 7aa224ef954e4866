import subprocess
import sys
import time

import msgspec
import numpy as np
import pytest

from monitor.errors import ConfigError
from trainer import clipcache
from trainer.clipcache import clip_features, coefficient_names, joined, time_extraction
from trainer.cliprecipe import ClipRecipe, ClipTable, LayoutTable
from trainer.clips import prepare
from trainer.corpora import find
from trainer.features import make_feature
from trainer.recipe import CorpusUse

FEATURES = ({"name": "psf-mfcc"}, {"name": "psf-filterbank", "n_filters": 20})
CHAINS = (({"name": "inject"},), ({"name": "stretch", "min_factor": 0.8, "max_factor": 0.8}, {"name": "inject"}))


def recipe(**changes):
    plain = ClipRecipe(
        name="tiny",
        corpora={"EmoDB": CorpusUse()},
        clip=ClipTable(rate_hz=16000, seconds=1.0),
        features=FEATURES,
        augment=CHAINS,
        baseline={"name": "any"},
    )
    return plain.replaced(**changes)


def pooled(**changes):
    return recipe(layout=LayoutTable(pooled=True), **changes)


@pytest.fixture(scope="session")
def utterances(corpora_root):
    return find("EmoDB", corpora_root).utterances[:6]


def assert_equal(one, other):
    assert [u.name for u in one.utterances] == [u.name for u in other.utterances]
    for left, right in zip(one.versions, other.versions, strict=True):
        assert len(left) == len(right)
        for a, b in zip(left, right, strict=True):
            np.testing.assert_array_equal(a, b)


def test_versions_have_the_stated_shapes(utterances, tmp_path):
    made = clip_features(utterances, recipe(), tmp_path, augmented=True)
    assert made.utterances == utterances
    assert made.skipped == ()
    assert made.n_computed == 6
    assert made.elapsed_s > 0
    for versions in made.versions:
        assert [version.shape for version in versions] == [(99, 33)] * 3
        assert all(version.dtype == np.float32 for version in versions)
        assert not np.array_equal(versions[0], versions[1])
    assert len(coefficient_names(recipe())) == 33
    plain = clip_features(utterances, recipe(), tmp_path, augmented=False)
    assert [len(versions) for versions in plain.versions] == [1] * 6
    np.testing.assert_array_equal(plain.versions[3][0], made.versions[3][0])


def test_plain_features_are_those_of_the_prepared_clip(utterances, tmp_path):
    from trainer.audio import read_samples

    (versions,) = clip_features(utterances[:1], recipe(), tmp_path, augmented=False).versions
    samples = prepare(read_samples(utterances[0].path, 16000), 16000, recipe().clip)
    parts = [make_feature(settings)(samples, 16000) for settings in FEATURES]
    np.testing.assert_array_equal(versions[0], np.concatenate(parts, axis=1))


def test_pooled_versions_are_means_of_whole_clips(utterances, tmp_path):
    frames = clip_features(utterances, recipe(), tmp_path, augmented=True)
    means = clip_features(utterances, pooled(), tmp_path, augmented=True)
    assert means.versions[0][0].shape == (1, 33)
    np.testing.assert_allclose(means.versions[2][0][0], frames.versions[2][0].mean(axis=0), rtol=1e-5)
    # Stretched clips are longer, and cut only where the model takes whole clips.
    assert not np.allclose(means.versions[2][2][0], frames.versions[2][2].mean(axis=0), rtol=1e-3)


def test_what_is_there_is_not_computed_again(utterances, tmp_path, monkeypatch):
    first = clip_features(utterances, recipe(), tmp_path, augmented=True)
    monkeypatch.setattr(clipcache, "mapped", lambda *_, **__: pytest.fail("computed again"))
    again = clip_features(utterances, recipe(), tmp_path, augmented=True)
    assert again.n_computed == 0
    assert_equal(first, again)


def test_other_splits_names_and_orders_share_the_cache(utterances, tmp_path):
    clip_features(utterances[:4], recipe(), tmp_path, augmented=True)
    other = recipe(name="other", corpora={"nEMO": CorpusUse(test=("EB0",))}, baseline={"name": "svm"}, labels="x")
    turned = clip_features(utterances[::-1], other, tmp_path, augmented=True)
    assert turned.n_computed == 2
    assert_equal(turned, clip_features(utterances[::-1], recipe(), tmp_path / "new", augmented=True))


@pytest.mark.parametrize(
    ("changes", "plain_changes"),
    [
        ({"seed": 5}, False),
        ({"augment": (CHAINS[1],)}, False),
        ({"features": FEATURES[:1]}, True),
        ({"clip": ClipTable(rate_hz=16000, seconds=0.5)}, True),
        ({"layout": LayoutTable(pooled=True)}, True),
    ],
)
def test_what_decides_the_numbers_is_in_the_key(changes, plain_changes, utterances, tmp_path):
    clip_features(utterances[:1], recipe(), tmp_path, augmented=True)
    changed = recipe(**changes)
    assert clip_features(utterances[:1], changed, tmp_path, augmented=False).n_computed == plain_changes
    assert clip_features(utterances[:1], changed, tmp_path, augmented=True).n_computed == 1


def test_another_seed_changes_the_augmented_versions_only(utterances, tmp_path):
    one, other = (clip_features(utterances[:1], recipe(seed=seed), tmp_path, augmented=True) for seed in (1, 2))
    np.testing.assert_array_equal(one.versions[0][0], other.versions[0][0])
    assert not np.array_equal(one.versions[0][1], other.versions[0][1])


def test_a_changed_file_is_computed_again(utterances, tmp_path):
    path = tmp_path / "03a01Na.flac"
    path.write_bytes(utterances[0].path.read_bytes())
    moved = type(utterances[0])(
        **{name: getattr(utterances[0], name) for name in utterances[0].__slots__} | {"path": path}
    )
    clip_features([moved], recipe(), tmp_path / "cache", augmented=False)
    path.write_bytes(utterances[1].path.read_bytes())
    again = clip_features([moved], recipe(), tmp_path / "cache", augmented=False)
    assert again.n_computed == 1
    fresh = clip_features(utterances[1:2], recipe(), tmp_path / "cache", augmented=False)
    np.testing.assert_array_equal(again.versions[0][0], fresh.versions[0][0])


def test_two_workers_compute_what_one_does(utterances, tmp_path, monkeypatch):
    monkeypatch.setattr(clipcache, "_SHARD_CLIPS", 2)
    one, two = (clip_features(utterances, recipe(), tmp_path / str(n), augmented=True, n_workers=n) for n in (1, 2))
    assert len(list((tmp_path / "2").rglob("shard-*.npz"))) == 9
    assert_equal(one, two)


def test_damaged_and_unfinished_shards_are_made_again(utterances, tmp_path, monkeypatch):
    monkeypatch.setattr(clipcache, "_SHARD_CLIPS", 2)
    whole = clip_features(utterances, recipe(), tmp_path, augmented=True, n_workers=1)
    shards = sorted(tmp_path.rglob("shard-*.npz"))
    shards[0].write_bytes(b"")
    shards[1].write_bytes(shards[1].read_bytes()[:200])
    shards[2].rename(shards[2].with_suffix(".1.part"))
    again = clip_features(utterances, recipe(), tmp_path, augmented=True, n_workers=1)
    assert 2 <= again.n_computed <= 6
    assert_equal(whole, again)


def test_a_killed_run_leaves_only_whole_shards(corpora_root, tmp_path):
    code = f"""
import sys
from pathlib import Path
from trainer import clipcache
from trainer.corpora import find
import msgspec
from trainer.cliprecipe import ClipRecipe
clipcache._SHARD_CLIPS = 1
recipe = msgspec.json.decode({msgspec.json.encode(recipe())!r}, type=ClipRecipe)
utterances = find("EmoDB", Path({str(corpora_root)!r})).utterances * 1
clipcache.clip_features(utterances, recipe, Path({str(tmp_path)!r}), augmented=True, n_workers=1)
"""
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as run:
        until = time.monotonic() + 60
        while len(list(tmp_path.rglob("shard-*.npz"))) < 4 and run.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        run.kill()
    utterances = find("EmoDB", corpora_root).utterances
    after = clip_features(utterances, recipe(), tmp_path, augmented=True, n_workers=1)
    assert after.n_computed < len(utterances)
    assert_equal(after, clip_features(utterances, recipe(), tmp_path / "new", augmented=True, n_workers=1))


def test_clips_that_cannot_be_decoded_are_named_and_left_out(utterances, tmp_path, capsys):
    fields = {name: getattr(utterances[0], name) for name in utterances[0].__slots__}
    broken = type(utterances[0])(**fields | {"path": tmp_path / "broken.wav"})
    broken.path.write_bytes(b"no audio")
    absent = type(utterances[0])(**fields | {"path": tmp_path / "absent.wav"})
    made = clip_features([utterances[0], broken, utterances[1], absent], recipe(), tmp_path / "c", augmented=True)
    assert made.utterances == utterances[:2]
    assert len(made.versions) == 2
    assert [skipped.utterance for skipped in made.skipped] == [broken, absent]
    assert "broken.wav" in made.skipped[0].reason
    assert "EmoDB/broken: left out" in capsys.readouterr().err
    nothing = clip_features([broken], recipe(), tmp_path / "c", augmented=True)
    assert nothing.utterances == nothing.versions == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": ({"name": "no"},)}, "feature 'no' is unknown"),
        ({"augment": (({"name": "gain", "min_dbfs": -20.0, "max_dbfs": -10.0},),)}, "augmentation 'gain' is unknown"),
        ({"features": ({"name": "psf-mfcc"}, {"name": "mfcc", "hop_samples": 1024})}, "same distance between frames"),
    ],
)
def test_recipes_that_cannot_be_computed_are_refused(changes, message, utterances, tmp_path):
    with pytest.raises(ConfigError, match=message):
        clip_features(utterances, recipe(**changes), tmp_path, augmented=False)


def test_single_frames_are_repeated_and_frames_cut_to_the_shortest():
    one, four, five = (np.full((n, k), n, np.float32) for n, k in ((1, 2), (4, 3), (5, 1)))
    np.testing.assert_array_equal(joined([one, four, five], pooled=False), [[1, 1, 4, 4, 4, 5]] * 4)
    np.testing.assert_array_equal(joined([one, four, five], pooled=True), [[1, 1, 4, 4, 4, 5]])
    assert joined([one, one], pooled=False).shape == (1, 4)


def test_recorded_noise_is_in_the_key(utterances, corpora_root, tmp_path):
    chain = ({"name": "background", "min_snr_db": 5.0, "max_snr_db": 5.0, "folders": ["ESC-10"]},)
    noisy = recipe(augment=(chain,))
    without = clip_features(utterances[:1], noisy, tmp_path, augmented=True)
    recorded = clip_features(utterances[:1], noisy, tmp_path, augmented=True, root=corpora_root)
    assert recorded.n_computed == 1
    assert without.versions[0][1].shape == recorded.versions[0][1].shape


def test_extraction_is_timed_and_nothing_kept(utterances, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert 0 < time_extraction(utterances, recipe(), 1) < 60
    assert not list(tmp_path.iterdir())
