"""The program as users meet it: exit codes, one clear line, what is printed."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from importlib.util import find_spec

import msgspec
import numpy as np
import pytest
import soundfile

from monitor.card import read_model_file, write_model_file
from monitor.demo import clip_path
from monitor.model import shipped_model

SER = [sys.executable, "-m", "monitor.cli"]


def ser(*arguments, stdin=None, environment=None, **options):
    return subprocess.run(
        [*SER, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        check=False,
        timeout=120,
        env=os.environ | (environment or {}),
        **options,
    )


def one_line(done):
    text = done.stderr.decode()
    assert text.count("\n") == 1, text
    assert "Traceback" not in text
    assert text.startswith("ser-monitor: error: ")
    return text


@pytest.fixture
def speech(tmp_path):
    """The bundled clip as WAV."""
    samples, rate_hz = soundfile.read(clip_path(), dtype="int16")
    path = tmp_path / "speech.wav"
    soundfile.write(path, samples, rate_hz)
    return path


def test_version_and_help_on_every_verb():
    assert ser("--version").stdout.startswith(b"ser-monitor ")
    for verb in ([], ["run"], ["devices"], ["analyze"], ["model"]):
        done = ser(*verb, "--help")
        assert done.returncode == 0
        assert b"usage: ser-monitor" in done.stdout
        assert ser(*verb, "--version").returncode == 0


@pytest.mark.parametrize("arguments", [["--nonsense"], ["analyze"], ["model"], ["--format", "xml"], ["--rate", "0"]])
def test_wrong_usage_is_2(arguments):
    done = ser(*arguments)
    assert done.returncode == 2
    assert b"usage:" in done.stderr


def test_options_before_the_verb_are_put_right():
    done = ser("--config", "my file", "config", "check")
    assert done.returncode == 2
    assert one_line(done) == (
        "ser-monitor: error: put options behind the verb: ser-monitor config check --config 'my file'\n"
    )


def test_a_recording_gives_json_lines_when_piped():
    done = ser("--stdout", "--input", "demo", "--start-time", "2026-11-20T13:04:20Z", "--log-level", "warning")
    assert (done.returncode, done.stderr) == (0, b"")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {event["type"] for event in events} >= {"new", "end"}
    assert all(event["start"].startswith("2026-11-20T13:04:") for event in events)
    assert [e["id"] for e in events if e["type"] == "new"] == [e["id"] for e in events if e["type"] == "end"]


def test_raw_pcm_on_stdin_hears_the_same_as_the_file():
    samples, _ = soundfile.read(clip_path(), dtype="int16")
    piped = ser("--input", "-", stdin=samples.tobytes())
    played = ser("--input", "demo")
    assert piped.returncode == 0
    kept = ("type", "emotion", "confidence", "scores", "duration_s", "speech_s", "windows")
    described = [[{k: json.loads(line)[k] for k in kept} for line in d.stdout.splitlines()] for d in (piped, played)]
    assert described[0] == described[1]


def test_stereo_48_khz_on_stdin_gives_the_same_emotions():
    samples, _ = soundfile.read(clip_path(), dtype="int16")
    soxr = pytest.importorskip("soxr")
    fast = np.rint(soxr.resample(samples.astype(np.float64), 16000, 48000)).clip(-32768, 32767).astype(np.int16)
    piped = ser("--input", "-", "--rate", 48000, "--channels", 2, stdin=np.repeat(fast, 2).tobytes())
    ends = [
        [event for event in map(json.loads, done.stdout.splitlines()) if event["type"] == "end"]
        for done in (piped, ser("--input", "demo"))
    ]
    # A pause that is as long as the hangover may fall on either side of it: the first five have none.
    for one, other in zip(ends[0][:5], ends[1][:5], strict=True):
        assert one["duration_s"] == pytest.approx(other["duration_s"], abs=0.1)
        assert one["level_dbfs"] == pytest.approx(other["level_dbfs"], abs=0.2)
        assert list(one["scores"].values()) == pytest.approx(list(other["scores"].values()), abs=0.25)


def test_analyze_json_csv_segments_and_text(speech):
    line = json.loads(ser("analyze", "--json", speech).stdout)
    assert list(line) == ["file", "emotion", "confidence", "scores", "speech_s", "duration_s"]
    assert line["emotion"] == max(line["scores"], key=line["scores"].get)
    assert sum(line["scores"].values()) == pytest.approx(1, abs=0.01)
    assert 0 < line["speech_s"] < line["duration_s"]
    segments = json.loads(ser("analyze", "--json", "--segments", speech).stdout)["segments"]
    assert len(segments) >= 3
    rows = list(csv.DictReader(io.StringIO(ser("analyze", "--csv", speech).stdout.decode())))
    assert rows[0]["emotion"] == line["emotion"]
    rows = list(csv.DictReader(io.StringIO(ser("analyze", "--csv", "--segments", speech).stdout.decode())))
    assert [row["emotion"] for row in rows] == [segment["emotion"] for segment in segments]
    assert str(speech) in ser("analyze", speech).stdout.decode()


@pytest.mark.skipif(find_spec("pty") is None, reason="no pseudo-terminals on this system")
def test_results_go_to_the_pipe_while_the_bar_is_on_the_terminal(speech):
    import pty

    terminal, line = pty.openpty()
    done = subprocess.run(
        [*SER, "analyze", "--json", speech, speech], stdout=subprocess.PIPE, stderr=line, check=True, timeout=60
    )
    os.close(line)
    drawn = os.read(terminal, 100_000).decode()
    os.close(terminal)
    assert [json.loads(result)["file"] for result in done.stdout.splitlines()] == [str(speech)] * 2
    assert "2/2" in drawn
    assert "confidence" not in drawn


def test_silence_is_no_speech_and_not_an_error(tmp_path):
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(32000, dtype=np.int16), 16000)
    done = ser("analyze", "--json", path)
    assert done.returncode == 0
    line = json.loads(done.stdout)
    assert (line["emotion"], line["scores"], line["reason"]) == (None, None, "no speech")


def bad_files(folder, speech):
    """Name to (path, exit code)."""
    text = folder / "text.wav"
    text.write_text("this is no audio\n" * 20)
    empty = folder / "empty.wav"
    empty.write_bytes(b"")
    channels = folder / "channels.wav"
    header = bytearray(speech.read_bytes())
    header[22:24] = b"\x00\x00"
    channels.write_bytes(header)
    cut = folder / "cut.wav"
    cut.write_bytes(speech.read_bytes()[: speech.stat().st_size // 2])
    return {
        "text": (text, 65),
        "empty": (empty, 65),
        "channels": (channels, 65),
        "cut": (cut, 65),
        "missing": (folder / "missing.wav", 66),
        "directory": (folder, 66),
    }


@pytest.mark.parametrize("name", ["text", "empty", "channels", "cut", "missing", "directory"])
@pytest.mark.parametrize("verb", ["analyze", "run"])
def test_bad_files_have_their_exit_code_and_one_line(tmp_path, speech, name, verb):
    path, code = bad_files(tmp_path, speech)[name]
    done = ser("analyze", "--json", path) if verb == "analyze" else ser("--input", path)
    assert done.returncode == code
    assert path.name in one_line(done)
    if verb == "analyze":
        assert json.loads(done.stdout)["reason"]


def test_a_cut_file_is_analysed_as_far_as_it_goes(tmp_path, speech):
    path, _ = bad_files(tmp_path, speech)["cut"]
    assert path.name in ser("analyze", path).stdout.decode()
    line = json.loads(ser("analyze", "--json", path).stdout)
    assert line["emotion"] is not None
    assert line["duration_s"] == pytest.approx(soundfile.info(speech).duration / 2, abs=0.5)


def test_a_bad_file_does_not_stop_the_others(tmp_path, speech):
    text, _ = bad_files(tmp_path, speech)["text"]
    done = ser("analyze", "--json", text, speech)
    assert done.returncode == 65
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["emotion"] is None
    assert lines[1]["emotion"] is not None


@pytest.mark.parametrize(
    ("subtype", "rate_hz", "channels"),
    [("PCM_U8", 16000, 1), ("PCM_24", 16000, 1), ("FLOAT", 16000, 1), ("PCM_16", 96000, 1), ("PCM_16", 44100, 2)],
)
def test_unusual_but_good_files_are_analysed(tmp_path, speech, subtype, rate_hz, channels):
    soxr = pytest.importorskip("soxr")
    samples, _ = soundfile.read(speech)
    path = tmp_path / "unusual.wav"
    resampled = soxr.resample(samples, 16000, rate_hz)
    soundfile.write(path, np.stack([resampled] * channels, axis=1), rate_hz, subtype=subtype)
    done = ser("analyze", "--json", path)
    assert (done.returncode, done.stderr) == (0, b"")
    wanted = json.loads(ser("analyze", "--json", speech).stdout)
    assert json.loads(done.stdout)["duration_s"] == pytest.approx(wanted["duration_s"], abs=0.05)
    if subtype != "PCM_U8":  # 8 bits raise the noise floor to -50 dBFS: another sound
        assert json.loads(done.stdout)["emotion"] == wanted["emotion"]


def test_a_corrupt_model_is_78(tmp_path):
    path = tmp_path / "corrupt.tflite"
    content = bytearray(shipped_model().read_bytes())
    content[len(content) // 3] ^= 255
    path.write_bytes(content)
    for arguments in (
        ["--input", "demo", "--model", path],
        ["model", "verify", path],
        ["analyze", "--model", path, "x"],
    ):
        done = ser(*arguments)
        assert done.returncode == 78
        assert "damaged" in one_line(done) or "card" in one_line(done)


def test_a_model_for_other_features_is_78_and_both_values_are_named(tmp_path):
    file = read_model_file(shipped_model())
    other = msgspec.structs.replace(file.card, features=msgspec.structs.replace(file.card.features, preemphasis=0.9))
    write_model_file(tmp_path / "other.tflite", file.flatbuffer, other, file.probe)
    done = ser("--input", "demo", "--model", tmp_path / "other.tflite")
    assert done.returncode == 78
    line = one_line(done)
    assert "computed" in line
    assert "recorded" in line


def test_model_show_and_verify():
    shown = ser("model", "show").stdout.decode()
    for word in ("labels", "features", "licence", "metric"):
        assert word in shown
    card = json.loads(ser("model", "show", "--json").stdout)
    assert set(card["labels"]) == {"neutral", "happy", "sad", "angry", "fear", "disgust", "surprise"}
    verified = ser("model", "verify")
    assert verified.returncode == 0
    assert b"ok" in verified.stdout


def test_the_model_with_labels_by_gender_is_had_by_its_name(tmp_path):
    emotions = {"neutral", "happy", "sad", "angry", "fear", "disgust", "surprise"}
    labels = {f"{gender}_{emotion}" for gender in ("female", "male") for emotion in emotions}
    card = json.loads(ser("model", "show", "gender-emotion", "--json").stdout)
    assert set(card["labels"]) == labels
    assert ser("model", "verify", "gender-emotion").returncode == 0
    config = tmp_path / "config.toml"
    config.write_text('[model]\npath = "gender-emotion"\n')
    events = [
        json.loads(line) for line in ser("--input", "demo", "--format", "json", "--config", config).stdout.splitlines()
    ]
    assert {event["model"].partition("@")[0] for event in events} == {"gender-emotion"}
    assert all(set(event["scores"]) == labels for event in events)


def test_a_model_file_of_that_name_in_this_folder_is_named_by_its_path(tmp_path):
    (tmp_path / "gender-emotion").write_bytes(b"not a model")
    done = ser("model", "verify", "./gender-emotion", cwd=tmp_path)
    assert done.returncode == 78
    assert "gender-emotion: " in one_line(done)


@pytest.mark.parametrize("module", ["webrtcvad", "soundfile", "soxr"])
def test_a_missing_dependency_is_78_and_named(tmp_path, module):
    (tmp_path / f"{module}.py").write_text(f"raise ModuleNotFoundError('gone', name={module!r})\n")
    samples, _ = soundfile.read(clip_path(), dtype="int16")
    soundfile.write(tmp_path / "fast.wav", samples, 44100)
    done = ser("--input", tmp_path / "fast.wav", environment={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 78
    assert f"package '{module}" in one_line(done)
    assert f"install it: {sys.executable} -m pip install " in one_line(done)


_MQTT = {"SER_MONITOR__MQTT__ENABLED": "true", "SER_MONITOR__MQTT__PORT": "1"}
_METRICS = {"SER_MONITOR__METRICS__LISTEN": "127.0.0.1:1"}


@pytest.mark.parametrize(
    ("module", "package", "arguments", "settings"),
    [
        ("sounddevice", "sounddevice", [], {}),
        ("paho", "paho-mqtt", ["--input", "demo"], _MQTT),
        ("prometheus_client", "prometheus-client", ["--input", "demo"], _METRICS),
        ("rich", "rich", ["--input", "demo", "--format", "pretty"], {}),
        ("numpy", "numpy", ["--input", "demo"], {}),
        ("msgspec", "msgspec", ["--input", "demo"], {}),
    ],
)
def test_a_part_that_is_wanted_and_missing_is_78_and_named(tmp_path, module, package, arguments, settings):
    (tmp_path / f"{module}.py").write_text(f"raise ModuleNotFoundError('gone', name={module!r})\n")
    done = ser(*arguments, environment={"PYTHONPATH": str(tmp_path), **settings})
    assert done.returncode == 78
    assert f"package '{package}'" in one_line(done)


def test_a_missing_interpreter_is_78_and_named(tmp_path):
    for module in ("tflite_runtime", "ai_edge_litert"):
        (tmp_path / module).mkdir()
        (tmp_path / module / "__init__.py").write_text("raise ImportError('gone')\n")
    done = ser("--input", "demo", environment={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 78
    assert "package 'tflite-runtime'" in one_line(done) or "package 'ai-edge-litert'" in one_line(done)


def test_a_bad_configuration_is_78(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("[vad]\nmood = 1\n")
    done = ser("--input", "demo", "--config", path)
    assert done.returncode == 78
    assert "mood" in one_line(done)


def test_start_time_is_checked():
    assert "2026-11-20T13:04:23Z" in one_line(ser("--input", "demo", "--start-time", "yesterday"))
    assert ser("--input", "-", "--start-time", "2026-11-20T13:04:23Z", stdin=b"").returncode == 2


def test_a_closed_pipe_ends_with_0():
    process = subprocess.Popen(
        [*SER, "--input", "demo", "--format", "json", "--realtime"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")  # noqa: PTH110
@pytest.mark.parametrize(
    "arguments", [["--input", "demo", "--format", "json"], ["analyze", "--json", str(clip_path())]]
)
def test_a_full_disk_is_74(arguments):
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = subprocess.run([*SER, *arguments], stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)
    assert done.returncode == 74
    one_line(done)


def speech_cut_off():
    """The bundled clip up to the middle of its third utterance."""
    samples, rate_hz = soundfile.read(clip_path(), dtype="int16")
    return samples[: int(10.8 * rate_hz)]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_signals_end_with_0_and_an_open_event_gets_its_end(name):
    process = subprocess.Popen([*SER, "--input", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        process.stdin.write(speech_cut_off().tobytes())
        process.stdin.flush()
        events = []
        while [event["type"] for event in events].count("new") < 3:
            events.append(json.loads(process.stdout.readline()))
        assert [event["type"] for event in events].count("end") == 2  # the third is open
        before = time.monotonic()
        process.send_signal(getattr(signal, name))
        rest = [json.loads(line) for line in process.stdout]
        assert process.wait(10) == 0
        assert time.monotonic() - before < 5
    finally:
        process.kill()
        process.wait()
    assert (rest[-1]["type"], rest[-1]["id"]) == ("end", events[-1]["id"])


@pytest.mark.parametrize("source", [["--input", "demo"], ["--input", "-"]])
def test_a_stopped_reader_does_not_hold_up_the_end(source):
    """Nobody reads stdout: the source waits, as in any pipe, and a signal still ends it in time."""
    samples, _ = soundfile.read(clip_path(), dtype="int16")
    process = subprocess.Popen([*SER, *source], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, pipesize=4096)
    try:
        if source[-1] == "-":
            threading.Thread(target=write_for_ever, args=(process.stdin, samples.tobytes()), daemon=True).start()
        time.sleep(4)
        assert process.poll() is None  # 12 events do not fit into 4 kB
        before = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(8) == 0
        assert time.monotonic() - before < 5
    finally:
        process.kill()
        process.wait()


def write_for_ever(stream, content):
    with suppress(OSError):
        while True:
            stream.write(content)


def test_a_slow_reader_of_piped_audio_gets_every_event():
    samples, _ = soundfile.read(clip_path(), dtype="int16")
    process = subprocess.Popen([*SER, "--input", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, pipesize=4096)
    minutes = samples.tobytes() * 20
    threading.Thread(target=lambda: (process.stdin.write(minutes), process.stdin.close()), daemon=True).start()
    time.sleep(4)
    lives = {}
    for line in process.stdout:
        event = json.loads(line)
        lives.setdefault(event["id"], []).append(event["type"])
        time.sleep(0.005)
    assert process.wait(10) == 0
    assert len(lives) >= 6 * 20 - 20  # at the seams two utterances may become one
    assert all(life[0] == "new" and life[-1] == "end" for life in lives.values())


def test_file_names_come_out_as_utf8_whatever_the_locale_says(tmp_path, speech):
    name = tmp_path / "żółw.wav"
    name.write_bytes(speech.read_bytes())
    done = ser("analyze", "--json", name, environment={"PYTHONIOENCODING": "cp1252", "LC_ALL": "C"})
    assert done.returncode == 0
    assert json.loads(done.stdout.decode("utf-8"))["file"] == str(name)


def test_a_line_break_in_a_name_does_not_break_the_error():
    assert "two lines.wav" in one_line(ser("--input", "two\nlines.wav"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--device", "x", "--input", "demo"],
        ["--rate", "8000", "--input", "demo"],
        ["--realtime", "--input", "-"],
        ["--channels", "2"],
    ],
)
def test_flags_that_do_not_fit_the_input_are_2(arguments):
    done = ser(*arguments, stdin=b"")
    assert done.returncode == 2
    assert arguments[0] in one_line(done)


def test_empty_flags_are_2():
    assert ser("--input", "demo", "--model", "").returncode == 2


def test_closed_standard_streams_are_no_crash():
    closed = subprocess.run(
        ["/bin/sh", "-c", f"{' '.join(SER)} --input demo --format json 2>&-"],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert closed.returncode == 0
    assert json.loads(closed.stdout.splitlines()[-1])["type"] == "end"
    closed = subprocess.run(
        ["/bin/sh", "-c", f"{' '.join(SER)} --input - <&-"], capture_output=True, check=False, timeout=60
    )
    assert closed.returncode == 66


WATCH = """
import json, os, sys

seen = []

def watch(event, args):
    if event == "open":
        path, mode, flags = args
        if set(mode or "") & set("wax+") or flags & (os.O_WRONLY | os.O_RDWR):
            seen.append(str(path))
    elif event.startswith("socket.") and event != "socket.gethostname":
        seen.append(event)

sys.dont_write_bytecode = True
sys.addaudithook(watch)
from monitor.cli import main
code = main(["--input", "demo", "--format", "json"])
sys.stderr.write(json.dumps([code, seen]))
"""


def test_no_file_is_written_and_no_connection_opened(tmp_path):
    """Python's own audit hooks tell of every file opened and every socket made while a clip is heard."""
    (tmp_path / "watch.py").write_text(WATCH)
    done = subprocess.run(
        [sys.executable, tmp_path / "watch.py"], capture_output=True, text=True, check=False, timeout=60
    )
    code, seen = json.loads(done.stderr)
    assert code == 0
    assert set(seen) <= {os.devnull}
    assert done.stdout.count("\n") >= 4


def test_a_card_moves_no_cursor(tmp_path):
    file = read_model_file(shipped_model())
    card = msgspec.structs.replace(file.card, description="good\x1b[2J\nmodel")
    write_model_file(tmp_path / "m.tflite", file.flatbuffer, card, file.probe)
    shown = ser("model", "show", tmp_path / "m.tflite").stdout.decode()
    assert "good?[2J?model\n" in shown
