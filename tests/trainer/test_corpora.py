"""Contracts of every registered corpus, what is special in each, and corpora of one's own as documented."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
import soundfile
from dummy_corpora import DEMOGRAPHICS, TREES, make_ravdess, make_tree

from monitor.errors import ConfigError, NoInputError
from trainer.corpora import CORPORA, audio_files, audio_suffixes, find, make_corpus, own_corpora
from trainer.corpora.cremad import _genders
from trainer.labels import VOCABULARY
from trainer.report import report_corpora

REPOSITORY = Path(__file__).parents[2]
DATA = Path(os.environ.get("SER_DATA", REPOSITORY / "../shared/data"))
DOCUMENT = (REPOSITORY / "docs" / "corpora.md").read_text(encoding="utf-8")

NAMES = {
    "RAVDESS": ("03-01-02-02-01-02-13", "13", "m", "calm"),
    "RAVDESS-song": ("03-02-05-01-02-02-24", "24", "f", "angry"),
    "CREMA-D": ("1091_WSI_FEA_XX", "1091", "", "fear"),
    "SAVEE": ("KL_sa15", "KL", "m", "sad"),
    "EmoDB": ("16b10Wb", "16", "f", "angry"),
    "TESS": ("YAF_youth_ps", "YAF", "f", "surprise"),
    "nEMO": ("EB0_surprised_77", "EB0", "f", "surprise"),
    "PicovoiceS2I": ("0334e17c-b72f-4e1a-ba76-0bb6c110ef94", "training", "", "neutral"),
}
STRANGE = (
    "",
    "README",
    "03-01-09-01-01-01-01",
    "03-02-07-01-01-01-01",
    "01-01-01-01-01-01-01",
    "03a01Xa",
    "OAF_word_bored",
    "EB0_boredom_1",
    "1001_DFA_SUR_XX",
    "1001_DFA_ANG",
    "a01",
    "XX_a01",
    "DC_b01",
)


def test_every_corpus_has_an_example_and_a_tree_here():
    assert set(NAMES) == set(TREES) == set(CORPORA)


@pytest.mark.parametrize("name", CORPORA)
@pytest.mark.parametrize("suffix", [".wav", ".FLAC", ".opus"])
def test_names_are_parsed_whatever_the_file_type(name, suffix):
    stem, speaker, gender, emotion = NAMES[name]
    utterance = make_corpus(name).parse(Path(stem + suffix))
    assert (utterance.speaker, utterance.gender, utterance.emotion) == (speaker, gender, emotion)
    assert utterance.name == f"{name}/{stem}"


@pytest.mark.parametrize("name", CORPORA)
def test_other_names_are_passed_over(name):
    corpus = make_corpus(name)
    others = [stem for other, (stem, *_) in NAMES.items() if other != name]
    assert [stem for stem in (*STRANGE, *others) if corpus.parse(Path(stem + ".wav")) is not None] == []


@pytest.mark.parametrize("name", CORPORA)
def test_tree_as_downloaded_is_read_whole(name, tmp_path):
    holding = find(name, make_tree(tmp_path, TREES[name]))
    assert {utterance.path for utterance in holding.utterances} == {tmp_path / clip for clip in TREES[name]}
    assert (holding.strangers, holding.duplicates, holding.undecodable, holding.absent) == ((), (), (), ())
    assert len({utterance.name for utterance in holding.utterances}) == len(TREES[name])
    assert holding.n_missing == max(holding.card.n_clips - len(TREES[name]), 0)
    assert len(holding.speakers) == 2
    assert {utterance.corpus for utterance in holding.utterances} == {name}
    assert {utterance.emotion for utterance in holding.utterances} <= set(VOCABULARY)
    # Of each emotion's own code there is one: none is mapped to the word of another.
    n_emotions = int(re.search(r"(\d+) emotion", holding.card.about)[1])
    assert len({utterance.emotion for utterance in holding.utterances}) == n_emotions


@pytest.mark.parametrize("name", CORPORA)
def test_cards_are_filled_and_documented(name):
    card = make_corpus(name).card
    assert card.name == name
    assert all((card.language, card.about, card.licence, card.citation, card.url, card.files))
    row = next(line for line in DOCUMENT.splitlines() if line.startswith(f"| `{name}` |"))
    assert [cell.strip() for cell in row.split("|")[2:4]] == [
        f"{number:,}" if number else "not counted" for number in (card.n_clips, card.n_speakers)
    ]
    assert card.licence in row
    assert card.url in row or name == "RAVDESS-song"


@pytest.mark.parametrize("name", CORPORA)
def test_missing_folder_is_named(name, tmp_path):
    with pytest.raises(NoInputError, match=f"{name}: no such folder"):
        find(name, tmp_path)


def test_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "TESS").mkdir()
    (tmp_path / "TESS" / "song.wav").write_bytes(b"la")
    with pytest.raises(NoInputError, match="no clip named as in TESS among 1"):
        find("TESS", tmp_path)


def test_unknown_corpus_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="RAVDES' is unknown"):
        make_corpus("RAVDES")
    with pytest.raises(NoInputError, match=r"RAVDES: no such folder; .*RAVDESS"):
        find("RAVDES", tmp_path)
    (tmp_path / "RAVDES").mkdir()
    with pytest.raises(ConfigError, match=r"RAVDES' is unknown.*corpus\.toml"):
        find("RAVDES", tmp_path)


def test_tess_name_without_f_is_the_same_speaker():
    assert make_corpus("TESS").parse(Path("OA_bite_neutral.wav")).speaker == "OAF"


def test_song_is_looked_for_beside_the_speech_and_neither_takes_the_other(tmp_path):
    songs = [clip.replace("RAVDESS-song", "RAVDESS") for clip in TREES["RAVDESS-song"]]
    make_tree(tmp_path, [*TREES["RAVDESS"], *songs])
    assert {u.path for u in find("RAVDESS-song", tmp_path).utterances} == {tmp_path / clip for clip in songs}
    assert {u.path for u in find("RAVDESS", tmp_path).utterances} == {tmp_path / clip for clip in TREES["RAVDESS"]}
    make_tree(tmp_path, TREES["RAVDESS-song"][:3])
    assert len(find("RAVDESS-song", tmp_path).utterances) == 3


def test_intensity_is_told():
    assert make_corpus("RAVDESS").parse(Path("03-01-02-02-01-02-13.wav")).intensity == "strong"
    assert make_corpus("CREMA-D").parse(Path("1001_IEO_FEA_MD.wav")).intensity == "medium"
    assert make_corpus("CREMA-D").parse(Path("1001_DFA_ANG_XX.wav")).intensity == ""


def test_crema_d_has_genders_where_its_table_is_there(tmp_path):
    make_tree(tmp_path, TREES["CREMA-D"])
    assert {utterance.gender for utterance in find("CREMA-D", tmp_path).utterances} == {""}
    (tmp_path / "CREMA-D" / "VideoDemographics.csv").write_text(DEMOGRAPHICS, encoding="utf-8")
    genders = {utterance.speaker: utterance.gender for utterance in find("CREMA-D", tmp_path).utterances}
    assert genders == {"1001": "m", "1002": "f"}


def test_crema_d_table_with_other_columns_is_refused(tmp_path):
    make_tree(tmp_path, TREES["CREMA-D"])
    (tmp_path / "CREMA-D" / "VideoDemographics.csv").write_text("Actor,Gender\n1001,Male\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"VideoDemographics\.csv:1: columns Actor, Gender; wanted ActorID and Sex"):
        find("CREMA-D", tmp_path)


def test_crema_d_wav_is_taken_where_mp3_is_there_too(tmp_path):
    mp3 = [clip.replace("WAV", "MP3").replace(".wav", ".mp3") for clip in TREES["CREMA-D"]]
    holding = find("CREMA-D", make_tree(tmp_path, [*TREES["CREMA-D"], *mp3]))
    assert {utterance.path.suffix for utterance in holding.utterances} == {".wav"}
    assert len(holding.duplicates) == len(mp3)
    assert holding.n_missing == 7442 - len(TREES["CREMA-D"])


@pytest.mark.corpora
@pytest.mark.skipif(not (DATA / "CREMA-D").is_dir(), reason=f"no CREMA-D in {DATA}; set SER_DATA")
def test_crema_d_real_metadata_is_understood():
    genders = _genders(DATA / "CREMA-D")
    assert sorted(genders.values()) == ["f"] * 43 + ["m"] * 48
    (table,) = (DATA / "CREMA-D").glob("*summaryTable.csv")
    names = [line.split(",")[1].strip('"') for line in table.read_text(encoding="utf-8").splitlines()[1:]]
    parsed = [make_corpus("CREMA-D").parse(Path(name + ".wav")) for name in names]
    assert None not in parsed
    assert len(parsed) == make_corpus("CREMA-D").card.n_clips
    assert {utterance.speaker for utterance in parsed} == set(genders)


def test_savee_in_folders_and_in_one_folder_are_the_same_clips(tmp_path):
    flat = [f"SAVEE/ALL/{'_'.join(Path(clip).parts[-2:])}" for clip in TREES["SAVEE"]]
    one, other = (
        find("SAVEE", make_tree(tmp_path / "a", TREES["SAVEE"])),
        find("SAVEE", make_tree(tmp_path / "b", flat)),
    )
    assert [utterance.name for utterance in one.utterances] == [utterance.name for utterance in other.utterances]
    assert one.utterances[0].name == "SAVEE/DC_a01"


def test_same_bytes_are_taken_once(tmp_path):
    make_ravdess(tmp_path)
    folder = tmp_path / "RAVDESS" / "Actor_01"
    first, second = folder / "03-01-03-01-01-01-01.wav", folder / "03-01-03-01-02-01-01.wav"
    before = find("RAVDESS", tmp_path)
    shutil.copyfile(first, second)
    after = find("RAVDESS", tmp_path)
    assert not before.duplicates
    assert after.duplicates == ((second, first),)
    assert len(after.utterances) == len(before.utterances) - 1
    assert after.n_missing == before.n_missing


def test_archive_unpacked_twice_counts_once(tmp_path):
    make_tree(tmp_path, TREES["RAVDESS"])
    shutil.copytree(tmp_path / "RAVDESS", tmp_path / "RAVDESS" / "audio_speech_actors_01-24")
    holding = find("RAVDESS", tmp_path)
    assert len(holding.utterances) == len(holding.duplicates) == len(TREES["RAVDESS"])
    assert holding.n_missing == 1440 - len(TREES["RAVDESS"])


def test_files_that_cannot_be_opened_are_left_out_with_the_reason(tmp_path):
    clips = [tmp_path / clip for clip in TREES["EmoDB"]]
    make_tree(tmp_path, TREES["EmoDB"])
    clips[0].write_bytes(b"")
    clips[1].write_text("version https://git-lfs.github.com/spec/v1\noid sha256:c6f9\nsize 7\n", encoding="utf-8")
    soundfile.write(clips[2], [], 16000)
    clips[3].write_bytes(b"RIFF and then nothing of the kind")
    holding = find("EmoDB", tmp_path)
    reasons = dict(holding.undecodable)
    assert set(reasons) == set(clips[:4])
    assert "git lfs pull" in reasons[clips[1]]
    assert reasons[clips[2]] == "holds no samples"
    assert all(reasons.values())
    assert len(holding.utterances) == len(clips) - 4
    assert holding.n_missing == holding.card.n_clips - len(clips)


def test_corpus_of_pointers_only_says_what_to_do(tmp_path):
    clip = make_tree(tmp_path, TREES["CREMA-D"][:1]) / TREES["CREMA-D"][0]
    clip.write_text("version https://git-lfs.github.com/spec/v1\n", encoding="utf-8")
    with pytest.raises(NoInputError, match="git lfs pull"):
        find("CREMA-D", tmp_path)


def test_hidden_files_and_folders_named_like_clips_are_not_audio(tmp_path):
    make_tree(tmp_path, ["a.WAV", "._a.WAV", "b.wav/inner.txt.flac"])
    assert sorted(path.name for path in audio_files(tmp_path)) == ["a.WAV", "inner.txt.flac"]


def test_suffixes_are_those_of_libsndfile():
    assert {
        ".wav",
        ".flac",
        ".opus",
        ".ogg",
        ".mp3",
        ".aiff",
        ".aif",
        ".au",
        ".w64",
        ".caf",
        ".sph",
    } <= audio_suffixes()
    assert not {".raw", ".txt", ".mat", ".csv"} & audio_suffixes()


def test_order_is_that_of_the_names(corpora_root):
    names = [utterance.name for utterance in find("EmoDB", corpora_root).utterances]
    assert names == sorted(names)


def documented(kind):
    """The blocks of the document that follow a comment `<!-- kind -->`, with what the comment says."""
    return re.findall(rf"<!-- {kind}:? *(.*?) *-->\n```\w+\n(.*?)```", DOCUMENT, flags=re.DOTALL)


@pytest.fixture
def documented_root(tmp_path):
    """The examples of the document, on disk."""
    clips = [line for _, tree in documented("tree") for line in tree.split() if Path(line).suffix in audio_suffixes()]
    assert len(clips) == 7
    make_tree(tmp_path, clips)
    for name, text in documented("file"):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_documented_folders_are_a_corpus(documented_root):
    holding = find("kitchen", documented_root)
    found = {(u.name, u.speaker, u.gender, u.emotion, u.language) for u in holding.utterances}
    assert found == {
        ("kitchen/anna/Wut/tuesday", "anna", "f", "angry", "de"),
        ("kitchen/anna/neutral/monday", "anna", "f", "neutral", "de"),
        ("kitchen/ben/Wut/one", "ben", "m", "angry", "de"),
        ("kitchen/ben/Freude/two", "ben", "m", "happy", "de"),
    }
    assert [path.name for path in holding.strangers] == ["kettle.wav"]
    assert holding.card.licence == "private, not to be passed on"
    assert holding.n_missing == 0


def test_documented_table_is_a_corpus(documented_root):
    holding = find("radio", documented_root)
    found = {(u.name, u.speaker, u.gender, u.emotion, u.language, u.text) for u in holding.utterances}
    assert found == {
        ("radio/clips/0001", "anna", "f", "happy", "en", "01"),
        ("radio/clips/0002", "ben", "m", "angry", "de", "02"),
    }
    assert [path.name for path in holding.absent] == ["0003.mp3"]
    assert holding.n_missing == 1


def test_documented_module_is_a_corpus(documented_root, monkeypatch):
    monkeypatch.syspath_prepend(documented_root)
    monkeypatch.setitem(CORPORA, "theatre", "theatre:Theatre")
    monkeypatch.delitem(sys.modules, "theatre", raising=False)
    make_tree(documented_root, ["theatre/anna-rage-07.wav", "theatre/ben-joy-01.ogg.wav", "theatre/ben-plain-02.wav"])
    holding = find("theatre", documented_root)
    assert [(u.speaker, u.emotion, u.text) for u in holding.utterances] == [
        ("anna", "angry", "07"),
        ("ben", "neutral", "02"),
    ]
    assert holding.n_missing == 1


def test_own_corpora_are_reported_beside_the_known_ones(documented_root, capsys):
    make_tree(documented_root, TREES["SAVEE"])
    (documented_root / "broken").mkdir()
    (documented_root / "broken" / "corpus.toml").write_text('name = "other"\n', encoding="utf-8")
    assert own_corpora(documented_root) == ["broken", "kitchen", "radio"]
    assert report_corpora(documented_root, documented_root / "out") == 0
    printed = capsys.readouterr()
    assert re.search(r"\| radio +\| +en \| +2 \| +- \| +1 \| +2 \| +- \| +CC BY 4\.0 \|", printed.out)
    assert "missing: 452 of 480 published clips" in printed.out
    assert "missing: 1 listed clips, e.g. 0003.mp3" in printed.out
    assert "refused: " in printed.err
    assert (documented_root / "out" / "corpora.json").is_file()


def own(root, layout, extra="", name="own"):
    (root / "own").mkdir(exist_ok=True)
    text = f'name = "{name}"\nlanguage = "en"\nlicence = "mine"\ncitation = ""\nlayout = "{layout}"\n{extra}'
    (root / "own" / "corpus.toml").write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("extra", "name", "message"),
    [
        ('colour = "red"', "own", "colour"),
        ('[emotions]\nrage = "anger"', "own", "'rage' is mapped to 'anger'; wanted one of neutral, calm"),
        ('[genders]\nanna = "w"', "own", "genders"),
        ("", "mine", "the name is 'mine', that of the folder 'own'"),
        ("n_clips = -1", "own", "n_clips"),
        ("no toml", "own", "corpus.toml"),
    ],
)
def test_mistakes_in_the_description_name_the_file(tmp_path, extra, name, message):
    with pytest.raises(ConfigError, match=message) as caught:
        find("own", own(tmp_path, "folder", extra, name))
    assert str(tmp_path / "own" / "corpus.toml") in str(caught.value)


def test_folders_without_speakers_are_one_speaker_and_other_depths_are_passed_over(tmp_path):
    clips = ["own/Angry/1.wav", "own/sad/1.wav", "own/loose.wav", "own/a/b/sad/deep.wav"]
    holding = find("own", make_tree(own(tmp_path, "folder"), clips))
    assert [(u.name, u.speaker, u.emotion) for u in holding.utterances] == [
        ("own/Angry/1", "unknown", "angry"),
        ("own/sad/1", "unknown", "sad"),
    ]
    assert {path.name for path in holding.strangers} == {"loose.wav", "deep.wav"}


def test_folder_of_an_unknown_emotion_is_an_error(tmp_path):
    make_tree(own(tmp_path, "folder"), ["own/anna/angy/1.wav"])
    with pytest.raises(ConfigError, match=r"own/anna/angy: emotion 'angy' is not known; .*\[emotions\]"):
        find("own", tmp_path)


HEAD = "path,emotion,speaker,gender\n"


@pytest.mark.parametrize(
    ("table", "line", "message"),
    [
        ("file,emotion,speaker\n", 1, "columns file, emotion, speaker; wanted path, .*; add path"),
        ("", 1, "add path, emotion, speaker"),
        (HEAD + "a.wav,sad,anna,f\nb.wav,sadness,anna,f\n", 3, "emotion 'sadness' is not known"),
        (HEAD + "a.wav,,anna,f\n", 2, "emotion '' is not known"),
        (HEAD + "a.wav,sad,anna,x\n", 2, "gender 'x'; wanted f, m or nothing"),
        (HEAD + "\n/a.wav,sad,anna,f\n", 3, "path '/a.wav'; wanted one below"),
        (HEAD + "../a.wav,sad,anna,f\n", 2, "path '../a.wav'"),
        (HEAD + ",sad,anna,f\n", 2, "path ''"),
        (HEAD + "a.wav,sad,anna,f\n./a.wav,sad,anna,f\n", 3, "a.wav is listed in line 2 too"),
        (HEAD + '"two\nlines.wav",sad,anna,f\nb.wav,sadness,anna\n', 4, "sadness"),
    ],
)
def test_mistakes_in_the_table_name_file_and_line(tmp_path, table, line, message):
    (own(tmp_path, "manifest") / "own" / "manifest.csv").write_text(table, encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        find("own", tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}/own/manifest.csv:{line}: ")


def test_missing_or_wrongly_encoded_table_is_named(tmp_path):
    own(tmp_path, "manifest", 'manifest = "list.csv"')
    with pytest.raises(NoInputError, match=r"list\.csv: cannot be read"):
        find("own", tmp_path)
    (tmp_path / "own" / "list.csv").write_bytes(HEAD.encode() + "zoë.wav,sad,a,f".encode("latin-1"))
    with pytest.raises(ConfigError, match="not UTF-8"):
        find("own", tmp_path)


def test_table_of_a_spreadsheet_is_read(tmp_path):
    text = "\ufeffpath,note,emotion,speaker,gender\r\nx\\a.wav,loud,SAD,,Female\r\n"
    make_tree(own(tmp_path, "manifest"), ["own/x/a.wav"])
    (tmp_path / "own" / "manifest.csv").write_text(text, encoding="utf-8", newline="")
    (utterance,) = find("own", tmp_path).utterances
    assert (utterance.name, utterance.emotion, utterance.speaker, utterance.gender) == (
        "own/x/a",
        "sad",
        "unknown",
        "f",
    )
