"""Recordings damaged in every way: `analyze` refuses each in one line, hears the others, and stays small."""

import io
import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from monitor.demo import clip_path

FORMS = {
    "wav": ("PCM_16", 60),
    "w64": ("FLOAT", 40),
    "flac": ("PCM_16", 100),
    "ogg": ("VORBIS", 50),
    "mp3": ("MPEG_LAYER_III", 50),
}
"""Suffix to how samples are kept, and how many such files are made: 300 in all."""
ANALYZE = """
import sys
from pathlib import Path
from monitor.cli import main
code = main(["analyze", "--json", *sys.argv[1:]])
status = Path("/proc/self/status")
held = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")] if status.exists() else []
print(*held, file=sys.stderr)
raise SystemExit(code)
"""
LONGEST_LINE = 1000


def damaged(folder, chance):
    noise = np.random.default_rng(3).normal(0, 0.1, (8_000, 2))
    for suffix, (subtype, count) in FORMS.items():
        buffer = io.BytesIO()
        soundfile.write(buffer, noise, 16_000, subtype, format=suffix.upper())
        for number in range(count):
            path = folder / f"{number}.{suffix}"
            path.write_bytes(mutated(buffer.getvalue(), chance))
            yield path


def mutated(content, chance):
    changed = bytearray(content)
    for _ in range(chance.choice([1, 3, 10, 100])):
        changed[chance.randrange(chance.choice([64, 512, len(changed)]))] = chance.randrange(256)
    return changed[: chance.randrange(len(changed))] if chance.random() < 0.3 else changed


def analyze(*files):
    """Exit code, one result a file, lines of errors, most memory in kB where the system tells."""
    done = subprocess.run(
        [sys.executable, "-c", ANALYZE, *files], capture_output=True, check=False, timeout=200, cwd=files[0].parent
    )
    *errors, held = done.stderr.decode().splitlines()
    memory_kb = int(held.split()[1]) if held else 0
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], errors, memory_kb


def test_300_damaged_recordings_and_a_good_one(tmp_path):
    paths = [*damaged(tmp_path, random.Random(29)), Path(clip_path())]
    _, [alone], _, usual_kb = analyze(clip_path())
    code, results, errors, memory_kb = analyze(*paths)
    assert code == 65
    assert [result["file"] for result in results] == list(map(str, paths))
    assert results[-1]["scores"] == alone["scores"]
    broken = [
        result for result in results if result.get("reason", "no speech") not in ("no speech", "speech too short")
    ]
    assert 100 < len(broken) < 300
    assert len(errors) == len(broken)
    for line, result in zip(errors, broken, strict=True):
        assert line == f"ser-monitor: error: {result['reason']}"
        assert result["file"] in line
        assert len(line) < LONGEST_LINE
        assert line.isprintable()
    assert memory_kb <= usual_kb + 60_000


@pytest.mark.parametrize("verb", [["analyze"], ["--format", "json", "--input"]])
def test_what_a_decoder_prints_is_for_debugging(tmp_path, verb):
    path = tmp_path / "noise.mp3"
    noise = np.random.default_rng(3).normal(0, 0.1, 16_000)
    soundfile.write(path, noise, 16_000, "MPEG_LAYER_III", format="MP3")
    content = bytearray(path.read_bytes())
    content[1_500:1_900] = bytes(400)
    path.write_bytes(content)
    command = [sys.executable, "-m", "monitor.cli", *verb, path]
    said = subprocess.run(command, capture_output=True, check=False, timeout=60).stderr
    assert all(line.startswith("ser-monitor: error: ") for line in said.decode().splitlines())
    told = subprocess.run([*command, "--log-level", "debug"], capture_output=True, check=False, timeout=60).stderr
    assert b"a library says" in told
