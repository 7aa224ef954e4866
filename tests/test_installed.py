"""`pip install .` in an empty environment, for every Python that is here: both interpreters, no TensorFlow."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from monitor.model import SHIPPED_MODELS

ROOT = Path(__file__).parent.parent
PYTHONS = ("3.11", "3.12", "3.13")
POSTERIORS = """
import json, sys
import soundfile
from monitor.demo import clip_path
from monitor.model import EmotionModel, is_shipped, shipped_model
from monitor.pipeline import Pipeline
from monitor.records import AudioBlock, Estimate
assert is_shipped(shipped_model())  # so it is loaded without being tried in a process of its own
model = EmotionModel.load(shipped_model())
samples, _ = soundfile.read(clip_path(), dtype="int16")
pipeline = Pipeline(model)
events = pipeline.push(AudioBlock(samples, 0)) + pipeline.flush()
loaded = [m for m in ("tflite_runtime", "ai_edge_litert", "tensorflow", "trainer") if m in sys.modules]
print(json.dumps({"loaded": loaded, "model": str(shipped_model()),
                  "posteriors": [e.posteriors.tolist() for e in events if isinstance(e, Estimate)]}))
"""


def clean_environment():
    return {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV", "SER_"))}


def run(*command, cwd="/"):
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-1500:]}{done.stderr[-1500:]}"
    return done.stdout


def find_python(version):
    """A working interpreter of this version, from the path or from pyenv, or a skip."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}*/bin/python{version}"))]
    for path in filter(None, candidates):
        if subprocess.run([path, "-c", "import venv"], check=False, capture_output=True).returncode == 0:
            return path
    return pytest.skip(f"no Python {version} on this machine")


@pytest.fixture(scope="module", params=PYTHONS)
def installed(request, tmp_path_factory):
    """An environment with the package and what it depends on, nothing else."""
    python = find_python(request.param)
    folder = tmp_path_factory.mktemp(f"py{request.param}")
    run(python, "-m", "venv", folder / "venv")
    # From a copy: a build must not leave files in the checkout, nor pick any up that git does not know.
    files = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT).split("\0")
    for name in filter(None, files):
        if (ROOT / name).is_file():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / "source" / name)
    run(folder / "venv/bin/python", "-m", "pip", "install", "--quiet", folder / "source")
    return request.param, folder / "venv" / "bin"


@pytest.mark.timeout(600)
def test_the_daemon_comes_without_tensorflow_and_with_its_model(installed):
    version, programs = installed
    packages = {
        one["name"].lower() for one in json.loads(run(programs / "python", "-m", "pip", "list", "--format=json"))
    }
    assert not packages & {"tensorflow", "tensorflow-cpu", "keras", "torch", "librosa"}
    assert ("tflite-runtime" in packages) == (version == "3.11")
    assert ("ai-edge-litert" in packages) == (version != "3.11")
    for name in SHIPPED_MODELS:
        assert "ok" in run(programs / "ser-monitor", "model", "verify", name)
    line = json.loads(run(programs / "ser-monitor", "analyze", "--json", ROOT / "monitor/demo/demo.flac"))
    assert line["emotion"]


@pytest.mark.timeout(600)
def test_both_interpreters_give_the_same_posteriors(installed):
    version, programs = installed
    result = json.loads(run(programs / "python", "-c", POSTERIORS))
    assert result["loaded"] == ["tflite_runtime" if version == "3.11" else "ai_edge_litert"]
    assert str(programs.parent) in result["model"]
    recorded = np.load(ROOT / "tests/golden/demo_posteriors.npy")
    assert np.shape(result["posteriors"]) == recorded.shape
    assert np.abs(np.array(result["posteriors"]) - recorded).max() < 1e-3
