import pytest

from monitor.errors import ConfigError, NoInputError
from trainer.material import gather
from trainer.recipe import CorpusUse
from trainer.splits import Splits, speaker_keys, split


def test_no_speaker_crosses(tiny, corpora_root):
    splits = gather(tiny, corpora_root).splits
    parts = [speaker_keys(part) for part in (splits.train, splits.validation, splits.test)]
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]
    assert splits.speakers()["RAVDESS"] == {"train": ["01", "04"], "validation": ["03"], "test": ["02"]}


def test_proof_finds_a_speaker_who_crosses(tiny, corpora_root):
    splits = gather(tiny, corpora_root).splits
    crossed = Splits(splits.train, splits.validation, (*splits.test, splits.train[0]))
    with pytest.raises(ConfigError, match="is in train and test"):
        crossed.prove()


def test_a_speaker_named_twice_is_refused():
    with pytest.raises(ConfigError, match="RAVDESS: speakers 02 are both"):
        split([], {"RAVDESS": CorpusUse(test=("02",), validation=("02", "03"))})


def test_recipe_without_validation_speakers_is_refused(tiny, corpora_root):
    uses = {name: CorpusUse() for name in tiny.corpora}
    with pytest.raises(NoInputError, match="no clip of a validation speaker"):
        gather(tiny.replaced(corpora=uses), corpora_root)
