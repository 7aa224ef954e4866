"""The rules on the doors, held over the import graph."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
IMPURE = {
    "asyncio",
    "logging",
    "os",
    "pathlib",
    "queue",
    "random",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "datetime",
    "io",
    "sounddevice",
    "soundfile",
}


def imports_of(path):
    """Names imported anywhere in a file, also inside functions; names for type checkers only are left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    only_typing = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in only_typing:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def files_of(folder):
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, f"no Python files in {folder}"
    return found


def test_the_pipeline_is_pure():
    for path in files_of("monitor/pipeline"):
        for name in imports_of(path):
            assert name.split(".")[0] not in IMPURE, f"{path.name} imports {name}"
            if name.startswith("monitor."):
                allowed = ("monitor.pipeline", "monitor.records", "monitor.registry")
                assert name.startswith(allowed), f"{path.name} imports {name}"


def test_the_pipeline_calls_no_open_or_print():
    for path in files_of("monitor/pipeline"):
        calls = {
            node.func.id
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not calls & {"open", "print", "input", "exec", "eval"}, path.name


def test_the_monitor_never_imports_trainer_or_tensorflow():
    for path in files_of("monitor"):
        for name in imports_of(path):
            assert name.split(".")[0] not in {"trainer", "tensorflow", "keras"}, f"{path} imports {name}"


def test_what_trains_the_monitors_network_runs_on_whatever_keras_does():
    """Machines with a GPU often have JAX and no TensorFlow."""
    for name in ("training", "experiment", "everyone", "dataset", "heads", "cache", "architectures"):
        whole = ROOT / "trainer" / name
        for path in files_of(whole) if whole.is_dir() else [whole.with_suffix(".py")]:
            names = {name.split(".")[0] for name in imports_of(path)}
            assert not names & {"tensorflow", "torch", "jax"}, path.name


def test_only_one_file_knows_the_interpreter():
    knowing = [
        p.relative_to(ROOT).as_posix() for p in files_of("monitor") if "tflite_runtime" in p.read_text(encoding="utf-8")
    ]
    assert knowing == ["monitor/model.py"]


def test_a_recording_is_played_without_portaudio_trainer_or_tensorflow():
    code = (
        "import sys, io; sys.stdout = io.StringIO()\n"
        "from monitor.cli import main\n"
        "assert main(['--input', 'demo', '--format', 'json']) == 0\n"
        "loaded = {m.split('.')[0] for m in sys.modules} & {'sounddevice', 'tensorflow', 'trainer', 'keras', 'rich'}\n"
        "sys.stderr.write(' '.join(sorted(loaded)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_service_loads_nothing_that_it_does_not_use():
    """Each of these would cost time at the start, and memory for ever."""
    code = (
        "import sys\n"
        "import monitor.cli, monitor.commands.run, monitor.sinks.mqtt, monitor.sources.microphone\n"
        "from monitor.model import EmotionModel, shipped_model\n"
        "EmotionModel.load(shipped_model())\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    unused = {"scipy", "python_speech_features", "rich", "soundfile", "soxr", "sounddevice", "prometheus_client"}
    unused |= {"asyncio", "unittest", "jsonschema", "multiprocessing", "pkg_resources", "trainer"}
    assert not unused & set(done.stdout.split())
    assert "tflite_runtime" in done.stdout or "ai_edge_litert" in done.stdout


def test_analyze_draws_nothing_where_nobody_looks():
    code = (
        "import sys, io; sys.stdout = io.StringIO()\n"
        "from monitor.cli import main\n"
        "from monitor.demo import clip_path\n"
        "assert main(['analyze', '--json', str(clip_path())]) == 0\n"
        "sys.stderr.write(' '.join({'rich', 'scipy'} & {m.split('.')[0] for m in sys.modules}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
