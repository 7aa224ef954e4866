"""Tiny corpora in the layouts of the real ones: voices whose pitch and rhythm tell the emotion."""

import shutil
import zlib

import numpy as np
import soundfile

from monitor.demo import clip_path

RATE_HZ = 16000
_PITCH_HZ = {"neutral": 110, "happy": 260, "sad": 90, "angry": 200, "fear": 320, "disgust": 140, "surprise": 380}
_PITCH_HZ |= {"calm": 120, "boredom": 100}
_SYLLABLES_HZ = {"neutral": 3.0, "happy": 5.0, "sad": 2.0, "angry": 6.0, "fear": 7.0, "disgust": 2.5, "surprise": 4.0}
_SYLLABLES_HZ |= {"calm": 2.7, "boredom": 1.8}
_RAVDESS = {"neutral": "01", "happy": "03", "sad": "04", "angry": "05", "fear": "06"}
_EMODB = {"neutral": "N", "happy": "F", "sad": "T", "angry": "W", "fear": "A"}
_NEMO = {"neutral": "neutral", "happy": "happiness", "sad": "sadness", "angry": "anger", "fear": "fear"}


_SENTENCES_S = ((0.5, 4.1), (5.2, 7.9), (8.8, 12.3), (13.7, 18.3), (19.8, 22.6), (23.3, 27.0))
"""Of the bundled clip: from, to."""


def voice(emotion, speaker, seconds=1.5, rate_hz=RATE_HZ, seed=0):
    """A harmonic, syllable-like voice, float32 with peaks at half of full scale."""
    rng = np.random.default_rng([seed, speaker])
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    pitch = _PITCH_HZ[emotion] * (1 + 0.05 * speaker) * (1 + 0.02 * np.sin(2 * np.pi * 5 * t))
    phase = 2 * np.pi * np.cumsum(pitch) / rate_hz
    harmonics = sum(np.sin(k * phase) / k for k in range(1, 15))
    swell = np.clip(np.sin(2 * np.pi * _SYLLABLES_HZ[emotion] * t), 0.05, 1)
    noisy = harmonics * swell + 0.01 * rng.standard_normal(len(t))
    return (0.5 * noisy / np.abs(noisy).max()).astype(np.float32)


def make_all(root, n_sentences=2):
    """RAVDESS (actors 01-04, WAV at 48 kHz), EmoDB (03, 08, 09) and nEMO (EB0, KD0, MP0), FLAC; noise and a room."""
    make_ravdess(root, n_sentences)
    for speaker, name in enumerate(("03", "08", "09")):
        _write_all(
            root / "EmoDB", speaker, _EMODB, lambda code, i, name=name: f"{name}a0{i + 1}{code}a.flac", n_sentences
        )
    for speaker, name in enumerate(("EB0", "KD0", "MP0")):
        _write_all(root / "nEMO", speaker, _NEMO, lambda code, i, name=name: f"{name}_{code}_{i}.flac", n_sentences)
    rng = np.random.default_rng(9)
    # The second of each is kept for judging.
    for name in ("1-1-A", "5-1-A"):
        _write(root / "ESC-10" / "001 - Rain" / f"{name}.flac", 0.1 * rng.standard_normal(RATE_HZ).astype(np.float32))
    for name in ("room", "audiomentations_rir48000"):
        decay = np.exp(-np.arange(4000) / 500) * rng.standard_normal(4000)
        _write(root / "RIR_misc" / f"{name}.flac", (0.1 * decay).astype(np.float32))
    return root


def make_ravdess(root, n_sentences=2):
    for actor in range(1, 5):
        for emotion, code in _RAVDESS.items():
            for i in range(n_sentences):
                path = root / "RAVDESS" / f"Actor_{actor:02d}" / f"03-01-{code}-01-0{i + 1}-01-{actor:02d}.wav"
                _write(path, voice(emotion, actor, rate_hz=48000, seed=i), 48000)
    return root


def _write_all(folder, speaker, codes, name, n_sentences):
    for emotion, code in codes.items():
        for i in range(n_sentences):
            _write(folder / name(code, i), voice(emotion, speaker, seed=i))


def _write(path, samples, rate_hz=RATE_HZ):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate_hz, subtype="PCM_16")


def make_spoken(corpora_root, root):
    """A copy of the tiny corpora in which every clip is a sentence of the bundled clip: a model hears people in it."""
    shutil.copytree(corpora_root, root)
    samples, rate_hz = soundfile.read(clip_path(), dtype="float32")
    clips = sorted(path for corpus in ("RAVDESS", "EmoDB", "nEMO") for path in (root / corpus).rglob("*.*"))
    for i, path in enumerate(clips):
        start_s, end_s = _SENTENCES_S[i % len(_SENTENCES_S)]
        # Each a little shorter than the one before: the same bytes twice would be left out.
        end = int(end_s * rate_hz) - 40 * i
        _write(path, samples[int(start_s * rate_hz) : end], rate_hz)
    return root


def make_tree(root, clips):
    """Short clips, each different: `clips` are paths below `root`."""
    for clip in clips:
        samples = 0.1 * np.random.default_rng(zlib.crc32(clip.encode())).standard_normal(1600)
        (root / clip).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / clip, samples, RATE_HZ)
    return root


def _ravdess_tree(channel, n_emotions):
    folder = {"01": "RAVDESS", "02": "RAVDESS-song"}[channel]
    return [
        f"{folder}/Actor_{actor}/03-{channel}-{emotion:02d}-{intensity}-01-01-{actor}.wav"
        for actor in ("03", "04")
        for emotion in range(1, n_emotions + 1)
        for intensity in ("01", "02")
        if (emotion, intensity) != (1, "02")
    ]


TREES = {
    "RAVDESS": _ravdess_tree("01", 8),
    "RAVDESS-song": _ravdess_tree("02", 6),
    "CREMA-D": [
        f"CREMA-D/AudioWAV/{speaker}_{rest}.wav"
        for speaker in (1001, 1002)
        for rest in ("DFA_ANG_XX", "IEO_DIS_LO", "IEO_FEA_MD", "IEO_HAP_HI", "IOM_NEU_XX", "WSI_SAD_XX")
    ],
    "SAVEE": [
        f"SAVEE/AudioData/{speaker}/{emotion}{sentence}.wav"
        for speaker in ("DC", "KL")
        for emotion in ("a", "d", "f", "h", "n", "sa", "su")
        for sentence in ("01", "15")
    ],
    "EmoDB": [f"EmoDB/wav/{speaker}a01{emotion}b.wav" for speaker in ("03", "08") for emotion in "WLEAFTN"],
    "TESS": [
        f"TESS/TESS Toronto emotional speech set data/{speaker}_{folder}/{speaker}_back_{emotion}.wav"
        for speaker in ("OAF", "YAF")
        for folder, emotion in (
            ("angry", "angry"),
            ("disgust", "disgust"),
            ("Fear", "fear"),
            ("happy", "happy"),
            ("neutral", "neutral"),
            ("Pleasant_surprise", "ps"),
            ("Sad", "sad"),
        )
    ],
    "PicovoiceS2I": [f"PicovoiceS2I/{number:08x}-b72f-4e1a-ba76-0bb6c110ef94.wav" for number in range(6)],
    "nEMO": [
        f"nEMO/samples/{speaker}_{emotion}_12.wav"
        for speaker in ("KS0", "MK0")
        for emotion in ("anger", "fear", "happiness", "neutral", "sadness", "surprised")
    ],
}
"""The clips of two speakers, a woman and a man where there are both, in the layout as downloaded; all emotions."""

DEMOGRAPHICS = (
    '"ActorID","Age","Sex","Race","Ethnicity"\n'
    '1001,51,"Male","Caucasian","Not Hispanic"\n'
    '1002,21,"Female","Caucasian","Not Hispanic"\n'
)
"""In the form of CREMA-D's VideoDemographics.csv."""
