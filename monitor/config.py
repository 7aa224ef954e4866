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
TopicPrefix = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^/+#\s][^+#\s]*(?<!/)\Z")]
"""No wildcards, no blanks, no slash at either end."""
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
    stall_exit_s: PositiveSeconds = 60.0
    """The sound system hangs for so long that only a new process helps: leave with 75, for systemd to start anew."""


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


class Secret:
    """A text that is never printed; `reveal` gives it."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        """Keep `text`."""
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "***" if self._text else "''"


class TlsSettings(Table, frozen=True):
    """`[mqtt.tls]`: encryption; the broker's certificate and name are always verified."""

    enabled: bool = False
    ca_file: str = ""
    """Certificates to trust, PEM; "" trusts those of the system."""
    cert_file: str = ""
    """This monitor's certificate, PEM, where the broker wants one."""
    key_file: str = ""
    """The key of `cert_file`, PEM, without a passphrase."""

    def __post_init__(self) -> None:
        """Refuse half a client certificate.

        Raises:
            ValueError: naming what is missing.
        """
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("cert_file and key_file go together; give both or neither")


class HomeAssistantSettings(Table, frozen=True):
    """`[mqtt.homeassistant]`: the device appears in Home Assistant by itself."""

    enabled: bool = True
    prefix: TopicPrefix = "homeassistant"
    """Discovery prefix, as in Home Assistant's MQTT integration."""


class MqttSettings(Table, frozen=True):
    """`[mqtt]`: events to a broker."""

    enabled: bool = False
    host: Annotated[str, Meta(min_length=1, max_length=253)] = "localhost"
    port: Annotated[int, Meta(ge=1, le=65535)] = 1883
    """1883 is usual for plain, 8883 for TLS."""
    username: str = ""
    password_file: str = ""
    """A file that holds the password; "" takes the systemd credential `mqtt-password`, where there is one."""
    password: Secret = Secret()
    """Only from the environment, `SER_MONITOR__MQTT__PASSWORD`: a password does not belong into this file."""
    base_topic: TopicPrefix = "ser-monitor"
    """Topics are `{base_topic}/{node}/…`."""
    client_id: Annotated[str, Meta(max_length=128)] = ""
    """Must differ between all clients of a broker; "" is `ser-monitor-{node}`."""
    keepalive_s: Annotated[int, Meta(ge=5, le=3600)] = 20
    """A monitor that falls silent is called offline after one and a half times this."""
    queue_max: Annotated[int, Meta(ge=1, le=100_000)] = 1000
    """Events kept while the broker is away; beyond, the oldest is dropped and counted."""
    publish_level: bool = False
    """Loudness on the topic `level`, once a second."""
    allow_remote_unmute: bool = False
    """Whether `OFF` on the topic `mute/set` opens the microphone again."""
    tls: TlsSettings = TlsSettings()
    homeassistant: HomeAssistantSettings = HomeAssistantSettings()


class MetricsSettings(Table, frozen=True):
    """`[metrics]`: figures for Prometheus."""

    listen: Annotated[str, Meta(pattern=r"^$|^(127\.0\.0\.1|localhost|\[::1\]):[0-9]{1,5}\Z")] = ""
    """Address and port of the endpoint, on loopback only: "127.0.0.1:9187"; "" is none."""
    textfile: str = ""
    """A file ending in .prom for node_exporter's textfile collector; "" is none."""


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
    mqtt: MqttSettings = MqttSettings()
    metrics: MetricsSettings = MetricsSettings()
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
        return msgspec.convert(tree, Settings, strict=strict, dec_hook=_decode)
    except msgspec.ValidationError as error:
        message = str(error).replace("Object contains unknown field", "unknown key").replace("$.", "")
        raise ConfigError(f"configuration ({origin}): {message}") from None


def _decode(kind: type, value: Any) -> Any:
    """Types that msgspec does not know."""
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise ValueError(f"found {type(value).__name__}, wanted text")
