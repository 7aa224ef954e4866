"""The bundled clip: half a minute of synthetic speech, so that a first run needs no microphone."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def clip_path() -> Path:
    """Where `demo.flac` lies: mono, 16 kHz, 16 bit."""
    return Path(str(files(__name__) / "demo.flac"))
