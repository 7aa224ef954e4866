"""What can be set, with ranges and defaults; how it is read stands in `monitor.settings`.

Defaults < TOML file < environment < flags. The variable of `[vad] mode` is `SER_MONITOR__VAD__MODE`. An unknown key, a
wrong type or a value out of range is an error, never ignored. The docstrings are what `ser-monitor config init` prints.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta, field

from monitor.host import host_name
from monitor.settings.catalogue import Catalogue
from monitor.settings.environment import read_environment
from monitor.settings.file import find_file, read_file
from monitor.settings.flags import Flag, flags_of, read_flags
from monitor.settings.found import DEFAULT, Found, KeyPath, Origin
from monitor.settings.literal import shown
from monitor.settings.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = [
    "AudioSettings",
    "Configuration",
    "DecisionSettings",
    "Flag",
    "HomeAssistantSettings",
    "LogSettings",
    "MetricsSettings",
    "ModelSettings",
    "MqttSettings",
    "Secret",
    "Settings",
    "Table",
    "TlsSettings",
    "VadSettings",
    "load_configuration",
    "load_settings",
]

_CONTROL = r"\x00-\x1f\x7f"
_LAST_PORT = 65535

LogLevel = Literal["debug", "info", "warning", "error"]
Probability = Annotated[float, Meta(ge=0.0, le=1.0)]
Milliseconds = Annotated[int, Meta(ge=0, le=60_000)]
PositiveSeconds = Annotated[float, Meta(gt=0.0, le=3600.0)]
PlainText = Annotated[
    str,
    Meta(
        max_length=1024,
        pattern=rf"^[^{_CONTROL}]*\Z",
        extra={"wanted": "at most 1024 characters, none of them a control character", "self_evident": True},
    ),
]
FilePath = Annotated[
    str, Meta(max_length=4096, pattern=r"^[^\x00]*\Z", extra={"wanted": "the path of a file", "self_evident": True})
]
NodeName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=128,
        pattern=rf"^[^/+#\s{_CONTROL}]+\Z",
        examples=["kitchen"],
        extra={"wanted": "a name of at most 128 characters without blanks, /, + and #"},
    ),
]
TopicPrefix = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=128,
        pattern=rf"^[^/$+#\s{_CONTROL}][^+#\s{_CONTROL}]*(?<!/)\Z",
        extra={"wanted": "a topic without blanks, + and #, with no / at either end and no $ in front"},
    ),
]
HostName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=253,
        # One colon is a port, several are IPv6.
        pattern=rf"^(?![^:]*:[^:]*\Z)[^/@\[\]\s{_CONTROL}]+\Z",
        extra={"wanted": "the name or address of a host alone, without mqtt:// and port"},
    ),
]
LoopbackAddress = Annotated[
    str,
    Meta(
        pattern=r"^$|^(127\.0\.0\.1|localhost|\[::1\]):[0-9]{1,5}\Z",
        extra={"wanted": 'a loopback address with a port, such as "127.0.0.1:9187", or ""', "self_evident": True},
    ),
]
TextfilePath = Annotated[
    str,
    Meta(
        max_length=4096,
        pattern=r"^$|^[^\x00]+\.prom\Z",
        extra={"wanted": 'the path of a file that ends in .prom, or ""', "self_evident": True},
    ),
]


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One table of the file; unknown keys are refused."""


class AudioSettings(Table, frozen=True):
    """The microphone."""

    device: str = ""
    """Part of a name that `ser-monitor devices` prints; "" is the default input."""
    command: PlainText = ""
    """Instead of a device: a program that writes raw s16le, mono, at the model's 16,000 Hz, e.g.
    "arecord -D hw:1 -f S16_LE -r 16000 -c 1 -t raw". No shell reads it."""
    ring_s: PositiveSeconds = 10.0
    """Audio kept while the worker is busy; older audio is overwritten and counted as lost."""
    stall_s: PositiveSeconds = 5.0
    """No audio for so long: the device is opened again."""
    stall_exit_s: PositiveSeconds = 60.0
    """The sound system hangs for so long that only a new process helps: leave with 75, for systemd to start anew."""

    def __post_init__(self) -> None:
        """Refuse two inputs.

        Raises:
            ValueError: naming them.
        """
        if self.device and self.command:
            raise ValueError(f"device is {shown(self.device)} and command is given too; wanted one of them")


class VadSettings(Table, frozen=True):
    """The voice-activity gate."""

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
    min_snr_db: Annotated[float, Meta(ge=0.0, le=40.0)] = 0.0
    """Frames that are not so much louder than the background are never speech; 0 does not ask."""
    min_speech_posterior: Probability = 0.7
    """What the model finds less likely to be speech than this makes no event; for models that can tell."""
    activity_hangover_ms: Milliseconds = 550
    """A segment ends when the model sees no speech for so long, or for `hangover_ms` where that is longer, though the
    gate is open; it looks in fifths of a second; 0 waits for the gate."""
    # At 1, nothing would ever be speech.
    min_activity_posterior: Annotated[float, Meta(ge=0.0, le=0.99)] = 0.5
    """A fifth of a second that the model finds less likely to hold speech than this is a pause; for models that can
    tell. With 0.7 more sentences are parted in noise, and more of the speech is missed."""


class ModelSettings(Table, frozen=True):
    """The classifier."""

    path: FilePath = ""
    """A .tflite file with its card inside, or `gender-emotion`, which is shipped too; "" is the shipped `emotion`."""
    threads: Annotated[int, Meta(ge=1, le=64)] = 1
    """Threads the classifier computes with; one is enough for one microphone."""


class DecisionSettings(Table, frozen=True):
    """From probabilities to events."""

    smoothing_s: Annotated[float, Meta(ge=0.0, le=60.0)] = 1.5
    """Time constant of the exponential average over windows; 0 is none."""
    min_confidence: Probability = 0.62
    """An emotion less likely than this is called `uncertain`. Four in five names are right from 0.62 on, of
    `gender-emotion` three in four."""
    change_margin: Probability = 0.15
    """Another label must be so much more likely before the emotion changes; one that holds may fall so far below."""
    min_dwell_s: Annotated[float, Meta(ge=0.0, le=60.0)] = 2.0
    """An emotion is kept at least so long; what was `uncertain` is named at once."""
    max_events_per_min: Annotated[int, Meta(ge=0, le=6000)] = 60
    """Events a minute at most, 2 or more; 0 is no limit. A segment that gets a `new` always gets its `end`."""

    def __post_init__(self) -> None:
        """Refuse a limit that no segment fits into.

        Raises:
            ValueError: naming it.
        """
        if self.max_events_per_min == 1:
            raise ValueError("max_events_per_min is 1, wanted 0 or at least 2: every `new` is followed by an `end`")


class TlsSettings(Table, frozen=True):
    """Encryption; the broker's certificate and name are always verified."""

    enabled: bool = False
    """Whether the connection is encrypted; nothing ever falls back to plain."""
    ca_file: FilePath = ""
    """Certificates to trust, PEM; "" trusts those of the system."""
    cert_file: FilePath = ""
    """This monitor's certificate, PEM, where the broker wants one."""
    key_file: FilePath = ""
    """The key of `cert_file`, PEM, without a passphrase."""

    def __post_init__(self) -> None:
        """Refuse half a client certificate, and certificates that would not be used.

        Raises:
            ValueError: naming what is missing.
        """
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("cert_file and key_file go together; give both or neither")
        # With Mosquitto's clients a CA file turns encryption on; who expects that must not send a password in plain.
        for name in ("ca_file", "cert_file", "key_file"):
            if getattr(self, name) and not self.enabled:
                raise ValueError(f"{name} is set but encryption is off; set enabled = true, or remove {name}")


class HomeAssistantSettings(Table, frozen=True):
    """The device appears in Home Assistant by itself."""

    enabled: bool = True
    """Whether the device is announced, once `[mqtt]` is enabled."""
    prefix: TopicPrefix = "homeassistant"
    """Discovery prefix, as in Home Assistant's MQTT integration."""


class MqttSettings(Table, frozen=True):
    """Events to a broker."""

    enabled: bool = False
    """Whether events are sent to a broker."""
    host: HostName = "localhost"
    """Where the broker is."""
    port: Annotated[int, Meta(ge=1, le=_LAST_PORT)] = 1883
    """1883 is usual for plain, 8883 for TLS."""
    username: PlainText = ""
    """As the broker knows this monitor; "" gives no name."""
    password_file: FilePath = ""
    """A file that holds the password; "" takes the systemd credential `mqtt-password`, where there is one."""
    password: Secret = field(default_factory=Secret)
    """Only from the environment, `SER_MONITOR__MQTT__PASSWORD`: a password does not belong in this file."""
    base_topic: TopicPrefix = "ser-monitor"
    """Topics are `{base_topic}/{node}/…`."""
    client_id: PlainText = ""
    """Must differ between all clients of a broker; "" is `ser-monitor-{node}`."""
    keepalive_s: Annotated[int, Meta(ge=5, le=3600)] = 20
    """A monitor that falls silent is called offline after one and a half times this."""
    queue_max: Annotated[int, Meta(ge=1, le=100_000)] = 1000
    """Events kept while the broker is away; beyond, the oldest is dropped and counted."""
    publish_level: bool = False
    """Loudness on the topic `level`, once a second."""
    allow_remote_unmute: bool = False
    """Whether `OFF` on the topic `mute/set` opens the microphone again."""
    tls: TlsSettings = field(default_factory=TlsSettings)
    homeassistant: HomeAssistantSettings = field(default_factory=HomeAssistantSettings)


class MetricsSettings(Table, frozen=True):
    """Figures for Prometheus."""

    listen: LoopbackAddress = ""
    """Address and port of the endpoint, on loopback only: "127.0.0.1:9187"; "" is none."""
    textfile: TextfilePath = ""
    """A file ending in .prom for node_exporter's textfile collector; "" is none."""

    def __post_init__(self) -> None:
        """Refuse a port that does not exist, which the pattern lets pass.

        Raises:
            ValueError: naming it.
        """
        port = self.listen.rpartition(":")[2]
        if port.isdecimal() and int(port) > _LAST_PORT:
            raise ValueError(f"listen has the port {port}, wanted one up to {_LAST_PORT}")


class LogSettings(Table, frozen=True):
    """What goes to stderr."""

    level: LogLevel = "info"
    """The least important messages that are still written."""


class Settings(Table, frozen=True):
    """Everything that can be set; see the tables."""

    schema_version: Literal[1] = 1
    """Layout of this file; a later one with another meaning has another number."""
    node: NodeName = field(default_factory=host_name)
    """Name of this monitor in events; default: the host name."""
    audio: AudioSettings = field(default_factory=AudioSettings)
    vad: VadSettings = field(default_factory=VadSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    decision: DecisionSettings = field(default_factory=DecisionSettings)
    mqtt: MqttSettings = field(default_factory=MqttSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    log: LogSettings = field(default_factory=LogSettings)


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings, and where each comes from."""

    settings: Settings
    file: Path | None
    """The file that was read, if any."""
    found: Mapping[KeyPath, Found]
    """What was set; what is missing has its default."""

    def origin(self, path: KeyPath) -> Origin:
        """Where the value of the setting at `path`, e.g. `("vad", "mode")`, comes from."""
        return self.found[path].origin if path in self.found else DEFAULT


def load_configuration(
    path: Path | None = None, environment: Mapping[str, str] | None = None, flags: Iterable[Flag] = ()
) -> Configuration:
    """Settings and their origins from `path` (or the first standard place where a file is), the environment and flags.

    Args:
        path: a TOML file that must exist, or None for the standard places.
        environment: variables to read; default: this process' own.
        flags: what the command line sets.

    Raises:
        ConfigError: a file that is not TOML, an unknown key or variable, a wrong type, a value out of range, values
            that do not go together, or a secret in the file.
        NoInputError: `path` does not exist.
        PermissionDeniedError: the file cannot be read by this user.
    """
    catalogue = Catalogue(Settings)
    file = path if path is not None else find_file()
    found = {
        **({} if file is None else read_file(file, catalogue)),
        **read_environment(os.environ if environment is None else environment, catalogue),
        **read_flags(flags, catalogue),
    }
    return Configuration(catalogue.build(found), file, found)


def load_settings(
    path: Path | None, environment: Mapping[str, str] | None = None, overrides: Mapping[str, Any] | None = None
) -> Settings:
    """The settings alone; `overrides` are nested values, e.g. `{"audio": {"device": "USB"}}`.

    Raises:
        ConfigError: as in `load_configuration`.
        NoInputError: `path` does not exist.
        PermissionDeniedError: the file cannot be read by this user.
    """
    return load_configuration(path, environment, flags_of(overrides or {})).settings
