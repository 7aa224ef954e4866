"""Typed settings, read once at the top: defaults < TOML file < environment < flags.

The environment variable of `[vad] mode` is `SER_MONITOR__VAD__MODE`. An unknown key or a value out of range is an
error, never ignored.
"""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from monitor.errors import ConfigError, NoInputError, PermissionDeniedError
from monitor.host import config_paths, host_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ENVIRONMENT_PREFIX = "SER_MONITOR__"

LogLevel = Literal["debug", "info", "warning", "error"]
Probability = Annotated[float, Meta(ge=0.0, le=1.0)]
Milliseconds = Annotated[int, Meta(ge=0, le=60_000)]
PositiveSeconds = Annotated[float, Meta(gt=0.0, le=3600.0)]


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One table of the file; unknown keys are refused."""


class AudioSettings(Table, frozen=True):
    """`[audio]`: the microphone."""

    device: str = ""
    """Part of a name that `ser-monitor devices` prints; "" is the default input."""
    ring_s: PositiveSeconds = 10.0
    """Audio kept while the worker is busy; older audio is overwritten and counted as lost."""
    stall_s: PositiveSeconds = 5.0
    """No audio for so long: the device is opened again."""


class VadSettings(Table, frozen=True):
    """`[vad]`: the voice-activity gate."""

    mode: Annotated[int, Meta(ge=0, le=3)] = 2
    """webrtcvad aggressiveness: 0 lets most through, 3 least."""
    floor_dbfs: Annotated[float, Meta(ge=-120.0, le=0.0)] = -80.0
    """Frames below this RMS level are never speech; weak sounds of speech lie 20 dB below its level."""
    onset_ms: Milliseconds = 90
    """Speech must last so long before the gate opens."""
    hangover_ms: Milliseconds = 500
    """The gate stays open so long after the last voiced frame."""
    preroll_ms: Milliseconds = 200
    """Audio before the onset that counts as part of the speech."""


class ModelSettings(Table, frozen=True):
    """`[model]`: the classifier."""

    path: str = ""
    """A .tflite file with its card inside; "" is the shipped one."""
    threads: Annotated[int, Meta(ge=1, le=64)] = 1


class DecisionSettings(Table, frozen=True):
    """`[decision]`: from posteriors to events."""

    smoothing_s: Annotated[float, Meta(ge=0.0, le=60.0)] = 1.5
    """Time constant of the exponential average over windows; 0 is none."""
    min_confidence: Probability = 0.4
    """Below: `uncertain`."""
    change_margin: Probability = 0.1
    """Another label must be so much more likely before the emotion changes."""
    min_dwell_s: Annotated[float, Meta(ge=0.0, le=60.0)] = 0.6
    """An emotion is kept at least so long."""
    max_events_per_min: Annotated[int, Meta(ge=0)] = 60
    """Events a minute at most, 2 or more; 0 is no limit. A segment that gets a `new` always gets its `end`."""

    def __post_init__(self) -> None:
        """Refuse a limit that no segment fits into.

        Raises:
            ValueError: naming it.
        """
        if self.max_events_per_min == 1:
            raise ValueError("max_events_per_min is 1, wanted 0 or at least 2: every `new` is followed by an `end`")


class LogSettings(Table, frozen=True):
    """`[log]`: what goes to stderr."""

    level: LogLevel = "info"


class Settings(Table, frozen=True):
    """Everything that can be set; see the tables."""

    schema_version: Literal[1] = 1
    node: Annotated[str, Meta(min_length=1, pattern=r"^[^/+#\s]+\Z")] = msgspec.field(default_factory=host_name)
    """Name of this monitor in events; default: the host name."""
    audio: AudioSettings = AudioSettings()
    vad: VadSettings = VadSettings()
    model: ModelSettings = ModelSettings()
    decision: DecisionSettings = DecisionSettings()
    log: LogSettings = LogSettings()


def load_settings(
    path: Path | None, environment: Mapping[str, str] | None = None, overrides: Mapping[str, Any] | None = None
) -> Settings:
    """Settings from `path` (or the first standard place that exists), the environment and flags.

    Args:
        path: a TOML file that must exist, or None for the standard places.
        environment: variables to read; default: this process' own.
        overrides: nested values of the flags, e.g. `{"audio": {"device": "USB"}}`.

    Raises:
        ConfigError: a file that is not TOML, an unknown key, a wrong type or a value out of range.
        NoInputError: `path` does not exist.
        PermissionDeniedError: the file cannot be read by this user.
    """
    tree: dict[str, Any] = {}
    origin = "defaults"
    file = path if path is not None else next((p for p in config_paths() if p.is_file()), None)
    if file is not None:
        tree, origin = _read_toml(file), str(file)
    # The file is checked alone first, so that an error names the file and not the environment.
    _convert(tree, origin, strict=True)
    variables = _from_environment(os.environ if environment is None else environment)
    _convert(variables, "environment", strict=False)
    merged = _merge(_merge(tree, variables), overrides or {})
    return _convert(merged, "command line", strict=False)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NoInputError(f"no such configuration file: {path}") from None
    except PermissionError:
        raise PermissionDeniedError(f"{path}: this user may not read it; check its owner and mode") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, IsADirectoryError) as error:
        raise ConfigError(f"{path}: not a TOML file: {error}") from None
    except OSError as error:
        raise NoInputError(f"{path}: the configuration cannot be read: {error.strerror}") from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, value in sorted(environment.items()):
        if not name.startswith(ENVIRONMENT_PREFIX):
            continue
        *tables, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
        node = tree
        for table in tables:
            node = node.setdefault(table, {})
            if not isinstance(node, dict):
                raise ConfigError(f"environment: {name} names a key in '{table}', which is set to a value itself")
        node[key] = value
    return tree


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def _convert(tree: Mapping[str, Any], origin: str, *, strict: bool) -> Settings:
    try:
        return msgspec.convert(tree, Settings, strict=strict)
    except msgspec.ValidationError as error:
        message = str(error).replace("Object contains unknown field", "unknown key").replace("$.", "")
        raise ConfigError(f"configuration ({origin}): {message}") from None
