"""A model from elsewhere is tried in a process of its own: whatever it does there, the monitor lives and says so."""

import hashlib
import json
import random
import signal
import subprocess
import sys
import threading
import time

import msgspec
import pytest
import soundfile

from monitor import modeltrial
from monitor.assembly import load_model
from monitor.card import read_model_file, write_model_file
from monitor.config import ModelSettings, Settings
from monitor.demo import clip_path
from monitor.errors import ModelError
from monitor.model import SHIPPED_MODELS, is_shipped, shipped_model
from monitor.modeltrial import try_model

SER = [sys.executable, "-m", "monitor.cli"]
FARAWAY = (0x7FFFFFF0).to_bytes(4, "little")
"""As the place of the flatbuffer's root: the interpreter reads two gigabytes behind the buffer."""
BROKEN = ("crashes the interpreter", "refuses the network")
"""LiteRT may look before it leaps."""


@pytest.fixture(scope="module")
def shipped():
    return read_model_file(shipped_model())


@pytest.fixture
def write(shipped, tmp_path):
    """A model file of this network, whose card vouches for it."""

    def written(flatbuffer):
        path = tmp_path / "foreign.tflite"
        with_network(path, flatbuffer, shipped)
        return path

    return written


def with_network(path, flatbuffer, file):
    """Write a model file as `file` is, but for its network."""
    card = msgspec.structs.replace(file.card, tflite_sha256=hashlib.sha256(flatbuffer).hexdigest())
    write_model_file(path, bytes(flatbuffer), card, file.probe)


@pytest.fixture
def crashing(shipped, write):
    return write(FARAWAY + shipped.flatbuffer[4:])


@pytest.fixture
def foreign(shipped, write):
    """As good as the shipped one, which it is."""
    return write(shipped.flatbuffer)


def settings_for(path):
    return Settings(model=ModelSettings(path=str(path)))


@pytest.mark.parametrize(
    "arguments",
    [
        ["model", "verify"],
        ["--input", "demo", "--model"],
        ["analyze", "/nowhere", "--model"],
        ["check", "model", "--model"],
    ],
    ids=lambda words: words[0].strip("-"),
)
def test_a_network_that_crashes_the_interpreter_is_78(crashing, arguments):
    done = subprocess.run([*SER, *arguments, crashing], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 78
    said = done.stdout if arguments[0] == "check" else done.stderr
    assert any(reason in said for reason in BROKEN), said
    assert str(crashing) in said or "model emotion@" in said
    assert "Traceback" not in said


def test_networks_damaged_at_random_end_nobody(shipped, write):
    chance = random.Random(8)
    reasons = []
    for _ in range(10):
        flatbuffer = bytearray(shipped.flatbuffer)
        at = chance.choice([chance.randrange(4000), -chance.randrange(1, 20_000)])
        flatbuffer[at] ^= chance.choice([1, 128, 255])
        path = write(flatbuffer)
        try:
            try_model(path.read_bytes(), path, 1)
        except ModelError as error:
            reasons.append(str(error))
    assert reasons
    assert all("\n" not in reason for reason in reasons)


def test_a_refusal_is_told_in_its_own_words(shipped, tmp_path):
    path = tmp_path / "other.tflite"
    card = msgspec.structs.replace(
        shipped.card, features=msgspec.structs.replace(shipped.card.features, preemphasis=0.9)
    )
    write_model_file(path, shipped.flatbuffer, card, shipped.probe)
    with pytest.raises(ModelError, match=r"probe features differ: computed .* recorded"):
        load_model(settings_for(path))


def test_a_good_one_is_loaded(foreign):
    assert load_model(settings_for(foreign)).labels == load_model(Settings()).labels


def test_what_hangs_is_given_up(foreign):
    began_s = time.monotonic()
    with pytest.raises(ModelError, match="does not come to an end within 0 s"):
        try_model(foreign.read_bytes(), foreign, 1, limit_s=0)
    with pytest.raises(ModelError, match="given up"):
        try_model(foreign.read_bytes(), foreign, 1, meanwhile=lambda: False)
    assert time.monotonic() - began_s < modeltrial.LIMIT_S


def test_a_process_that_takes_nothing_and_never_ends(foreign, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", program(tmp_path, "exec sleep 600"))
    with pytest.raises(ModelError, match="does not come to an end"):
        try_model(bytes(10_000_000), foreign, 1, limit_s=0.5)


def test_without_a_process_nothing_is_loaded(foreign, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    with pytest.raises(ModelError, match="no process can be started"):
        load_model(settings_for(foreign))


def test_without_a_thread_no_process_is_left(foreign, monkeypatch, tmp_path):
    """As where the system gives none: what was started would wait for a model that never comes."""
    monkeypatch.setattr(sys, "executable", program(tmp_path, "exec sleep 600"))
    start, started = modeltrial._started, []
    monkeypatch.setattr(modeltrial, "_started", lambda *words: started.append(start(*words)) or started[0])

    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        try_model(foreign.read_bytes(), foreign, 1)
    assert started[0].returncode == -signal.SIGKILL


@pytest.mark.parametrize("name", ["", *SHIPPED_MODELS])
def test_what_is_shipped_needs_no_process(name, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    assert load_model(settings_for(name)).labels
    link = tmp_path / "link.tflite"
    link.symlink_to(shipped_model(name or "emotion"))
    assert is_shipped(link)
    assert load_model(settings_for(link)).labels


def test_what_is_elsewhere_is_not_shipped(foreign, tmp_path):
    assert not is_shipped(foreign)
    assert not is_shipped(tmp_path / "nowhere")
    assert not is_shipped(shipped_model().parent)


def test_the_process_inherits_no_secret(foreign, monkeypatch, tmp_path):
    for name in ("SER_MONITOR__MQTT__PASSWORD", "AWS_SECRET_ACCESS_KEY", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET"):
        monkeypatch.setenv(name, "hunter2")
    monkeypatch.setenv("SYSTEMROOT", "C:")
    monkeypatch.setattr(sys, "executable", program(tmp_path, f"env > {tmp_path}/env; echo $* > {tmp_path}/words"))
    try_model(foreign.read_bytes(), foreign, 1)
    environment = (tmp_path / "env").read_text()
    assert "PYTHONPATH=" in environment
    assert "SYSTEMROOT=" in environment  # without it Python does not start on Windows
    assert "hunter2" not in environment + (tmp_path / "words").read_text()


def test_memory_is_bounded(monkeypatch, tmp_path):
    code = """
from monitor.host import limit_memory
limit_memory(50_000_000)
try:
    bytearray(200_000_000)
except MemoryError:
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == ("refused\n" if sys.platform == "linux" else ""), done.stderr


def test_a_running_monitor_outlives_a_model_that_crashes(crashing, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text("")
    samples, _ = soundfile.read(clip_path(), dtype="int16")
    command = [*SER, "--input", "-", "--format", "json", "--config", config]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, **pipes) as monitor:
        monitor.stdin.write(samples.tobytes())
        monitor.stdin.flush()
        assert b'"type":"new"' in monitor.stdout.readline()  # it runs
        config.write_text(f"[model]\npath = {str(crashing)!r}\n")
        monitor.send_signal(signal.SIGHUP)
        line = next(line for line in monitor.stderr if b"ERROR" in line).decode()
        assert any(reason in line for reason in BROKEN), line
        assert line.endswith("the configuration stays as it was\n")
        monitor.stdin.write(samples.tobytes())
        monitor.stdin.close()
        events = [json.loads(line) for line in monitor.stdout]
        assert monitor.wait(30) == 0
    assert len({event["id"] for event in events if event["type"] == "end"}) >= 2


def program(folder, script):
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)
