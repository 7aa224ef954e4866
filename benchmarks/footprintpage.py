"""docs/footprint.md: the figures of docs/footprint.json, and why each package is needed."""

from __future__ import annotations

from typing import Any

REASONS = {
    "ser-monitor": "the program, with both models, the demo clip and the trainer's code",
    "tflite-runtime": "runs the model (Python 3.11)",
    "ai-edge-litert": "runs the model (Python 3.12 and newer)",
    "numpy": "samples, features, posteriors",
    "webrtcvad-wheels": "tells frames with voice from frames without",
    "sounddevice": "the microphone, through PortAudio; not loaded for files and pipes",
    "soundfile": "reads recordings, with libsndfile inside; loaded for files only",
    "soxr": "microphones and recordings of another rate than 16 kHz",
    "msgspec": "reads and checks the configuration and the models' cards",
    "paho-mqtt": "speaks MQTT 5 with the broker",
    "rich": "the display on a terminal, and the bar of `analyze`; not loaded by the service",
    "cffi": "calls PortAudio and libsndfile",
    "pycparser": "wanted by cffi",
    "markdown-it-py": "wanted by rich",
    "mdurl": "wanted by markdown-it-py",
    "pygments": "wanted by rich",
    "typing-extensions": "wanted by others for newer notations of types",
    "flatbuffers": "wanted by ai-edge-litert",
    "backports-strenum": "wanted by ai-edge-litert",
    "ml-dtypes": "wanted by ai-edge-litert",
    "protobuf": "wanted by ai-edge-litert",
    "tqdm": "wanted by ai-edge-litert",
    "libportaudio2": "the microphone: what sounddevice calls",
    "libasound2": "wanted by libportaudio2: ALSA, the kernel's sound",
    "libasound2t64": "wanted by libportaudio2: ALSA, the kernel's sound",
    "libasound2-data": "wanted by libasound2: ALSA's configuration",
    "libjack-jackd2-0": "wanted by libportaudio2, for a sound server that need not be there",
    "libopus0": "wanted by libjack-jackd2-0",
    "libsamplerate0": "wanted by libjack-jackd2-0",
}
"""Of every package that an installation brings."""
_INTRODUCTION = """# Footprint

What the program brings onto a fresh Raspberry Pi: measured in Debian's own arm64 userlands, which Raspberry Pi OS is
made of, by `sudo make footprint`. Download is what travels, disk is the blocks that files take, compiled Python
included. 1 MB = 1,000,000 bytes.

Assumed to be there, and not counted: `python3`, `python3-venv` and `ca-certificates`. Where `python3-venv` is missing,
it brings 3 to 4 MB more (by Debian's Installed-Size).
"""
_RELEASES = {"bookworm": "Debian 12, bookworm", "trixie": "Debian 13, trixie"}


def page(figures: dict[str, Any]) -> str:
    """The whole page.

    Args:
        figures: by release of Debian, as `benchmarks.footprint` measures them.
    """
    return "\n".join([_INTRODUCTION, *(_section(release, one) for release, one in figures.items())])


def _section(release: str, figures: dict[str, Any]) -> str:
    python, debian = figures["packages"], figures["debian_packages"]
    rest = {"disk_bytes": figures["environment_bytes"] - _total(python, "disk_bytes")}
    download = _total(python + debian, "download_bytes")
    disk = figures["environment_bytes"] + _total(debian, "disk_bytes")
    lines = [
        f"## {_RELEASES[release]}: Python {figures['python']}",
        "",
        f"In all **{_mb(download)} MB to download and {_mb(disk)} MB on disk**.",
        "",
        "| Python package | version | download, MB | disk, MB | what for |",
        "|---|---|---:|---:|---|",
        *(_row(one) for one in _largest_first(python)),
        f"| the virtual environment itself | | - | {_mb(rest['disk_bytes'])} | pip and what it brings |",
        "",
        "| Debian package | version | download, MB | disk, MB | what for |",
        "|---|---|---:|---:|---|",
        *(_row(one) for one in _largest_first(debian)),
        "",
    ]
    return "\n".join(lines)


def _row(one: dict[str, Any]) -> str:
    size = f"{_mb(one['download_bytes'])} | {_mb(one['disk_bytes'])}"
    return f"| `{one['name']}` | {one['version']} | {size} | {reason(one['name'])} |"


def reason(name: str) -> str:
    """Why a package is needed; names as indices spell them, with `-` or `_`.

    Raises:
        KeyError: nobody has said.
    """
    known = {other.replace("_", "-").lower(): text for other, text in REASONS.items()}
    return known[name.replace("_", "-").lower()]


def _largest_first(packages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(packages, key=lambda one: -one["disk_bytes"])


def _total(packages: list[dict[str, Any]], key: str) -> int:
    return sum(one[key] for one in packages)


def _mb(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.2f}" if n_bytes < 1e6 else f"{n_bytes / 1e6:.1f}"
