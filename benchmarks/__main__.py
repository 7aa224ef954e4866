"""`make bench`: every figure of the README, side by side in one run."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import soundfile

from benchmarks.latency import TALK_S, window_latencies
from benchmarks.recomputing import recomputing_pipeline
from monitor.demo import clip_path
from monitor.model import EmotionModel, shipped_model
from monitor.pipeline import Pipeline
from monitor.records import AudioBlock, EmotionEvent, Estimate, SpeechStarted

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROUNDS = 7
STRETCH_S = 120
BLOCK_SAMPLES = 1600


def main() -> int:
    """Measure and print a table."""
    model = EmotionModel.load(shipped_model())
    rate_hz = model.spec.rate_hz
    clip, _ = soundfile.read(clip_path(), dtype="int16")
    print(f"Python {platform.python_version()}, numpy {version('numpy')}, {platform.machine()}, {os.cpu_count()} cores")
    print(f"median of {ROUNDS} interleaved rounds of {STRETCH_S} s of audio in blocks of 0.1 s\n")
    for name, samples in (("speech", speech(clip, model, rate_hz)), ("silence", silence(rate_hz))):
        compare(name, samples, model)
    row("model, one window, one thread", model_ms(model), "ms")
    first_event(clip, model)
    messages(clip, model)
    whole_process(clip, rate_hz)
    return 0


def speech(clip: NDArray[np.int16], model: EmotionModel, rate_hz: int) -> NDArray[np.int16]:
    """The clip's speech without its pauses, repeated."""
    pipeline = Pipeline(model)
    events = [*pipeline.push(AudioBlock(clip, 0)), *pipeline.flush()]
    ends = [e for e in events if isinstance(e, EmotionEvent) and e.type == "end"]
    talk = np.concatenate([clip[e.start_sample : e.end_sample] for e in ends])
    return np.resize(talk, STRETCH_S * rate_hz)


def silence(rate_hz: int) -> NDArray[np.int16]:
    """A quiet room: noise at -70 dBFS."""
    noise = np.random.default_rng(0).standard_normal(STRETCH_S * rate_hz) * 32768 * 10 ** (-70 / 20)
    samples: NDArray[np.int16] = np.rint(noise).astype(np.int16)
    return samples


def compare(name: str, samples: NDArray[np.int16], model: EmotionModel) -> None:
    """CPU time of both ways over the same audio, in turn."""
    ours, theirs = [], []
    n_windows = 0
    for _ in range(ROUNDS):
        seconds, n_windows = cpu_s(Pipeline(model), samples)
        ours.append(seconds)
        theirs.append(cpu_s(recomputing_pipeline(model), samples)[0])
    ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
    row(f"{name}: CPU per second of audio", statistics.median(ours) / STRETCH_S * 1e3, f"ms ({n_windows} windows)")
    row("  recomputing each window", statistics.median(theirs) / STRETCH_S * 1e3, f"ms, {ratio:.2f} times ours")


def cpu_s(pipeline: Pipeline, samples: NDArray[np.int16]) -> tuple[float, int]:
    """CPU seconds for all samples, and the windows classified."""
    n_windows = 0
    start = time.process_time()
    for at in range(0, len(samples), BLOCK_SAMPLES):
        events = pipeline.push(AudioBlock(samples[at : at + BLOCK_SAMPLES], at))
        n_windows += sum(isinstance(event, Estimate) for event in events)
    return time.process_time() - start, n_windows


def model_ms(model: EmotionModel) -> float:
    """Median time of one inference."""
    values = np.random.default_rng(0).standard_normal((model.card.window_frames, model.spec.n_coefficients))
    window = values.astype(np.float32)
    times = []
    for _ in range(200):
        start = time.perf_counter()
        model.answer(window)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def first_event(clip: NDArray[np.int16], model: EmotionModel) -> None:
    """Audio time from the onset of speech to the first event."""
    pipeline, onset = Pipeline(model), None
    for at in range(0, len(clip), BLOCK_SAMPLES):
        for event in pipeline.push(AudioBlock(clip[at : at + BLOCK_SAMPLES], at)):
            if isinstance(event, SpeechStarted) and onset is None:
                onset = event.at_sample
            elif isinstance(event, EmotionEvent) and onset is not None:
                delay = (event.decided_sample - onset) / model.spec.rate_hz
                row("first event after speech onset", delay, "s of audio")
                return


def messages(clip: NDArray[np.int16], model: EmotionModel) -> None:
    """From the end of a window to its message at a subscriber of a real broker."""
    hop_s = model.card.hop_frames * model.spec.hop_samples / model.spec.rate_hz
    latencies = window_latencies(np.resize(clip, TALK_S * model.spec.rate_hz), model.spec.rate_hz, hop_s)
    if latencies is None:
        print("window's end to MQTT message    not measured: mosquitto is not installed")
        return
    for name, share in (("median", 50), ("p95", 95)):
        unit = f"ms ({len(latencies)} messages in {TALK_S} s)"
        row(f"window to MQTT message, {name}", float(np.percentile(latencies, share)) * 1e3, unit)


def whole_process(clip: NDArray[np.int16], rate_hz: int) -> None:
    """`ser-monitor analyze` on ten minutes, and a start to the first line of output: wall time, memory."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ten_minutes.wav"
        soundfile.write(path, np.resize(clip, 600 * rate_hz), rate_hz)
        before = time.perf_counter()
        result = run("analyze", "--json", str(path))
        wall_s = time.perf_counter() - before
        duration_s = json.loads(result)["duration_s"]
    row("analyze: real-time factor", wall_s / duration_s, f"({duration_s:.0f} s in {wall_s:.2f} s, start included)")
    before = time.perf_counter()
    run("--input", "demo", "--format", "json")
    row("clip to events, start included", time.perf_counter() - before, f"s for {len(clip) / rate_hz:.0f} s of audio")
    row("peak memory, clip as JSON", peak_mb("--input", "demo", "--format", "json"), "MB resident")
    row("peak memory, analyze", peak_mb("analyze", "--json", str(clip_path())), "MB resident")


LAUNCHER = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak_mb(*arguments: str) -> float:
    """Peak resident memory of the program in MB (Linux: the kernel counts kB).

    By a small launcher: a child begins with the peak of the process that started it.
    """
    command = [sys.executable, "-S", "-c", LAUNCHER, sys.executable, "-m", "monitor.cli", *arguments]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1024


def row(name: str, value: float, unit: str) -> None:
    """One line of the table."""
    print(f"{name:<32}{value:10.4f} {unit}", flush=True)


def run(*arguments: str) -> str:
    """Standard output of the program."""
    command = [sys.executable, "-m", "monitor.cli", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
