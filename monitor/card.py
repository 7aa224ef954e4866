"""The model card inside a model file, and the file format: a TFLite flatbuffer with a zip archive appended.

TFLite reads the flatbuffer at the front and ignores what follows; `zipfile` reads the archive at the back (the same
place where TFLite's own metadata keeps associated files). So model and card cannot be parted.
"""

from __future__ import annotations

import hashlib
import io
import math
import stat
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta

from monitor.errors import ModelError, NoInputError, PermissionDeniedError, quoted
from monitor.pipeline.features.spec import FeatureSpec
from monitor.pipeline.gate import VAD_FRAME_MS, VAD_RATES_HZ

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_CARD_MEMBER = "card.json"
_PROBE_FEATURES_MEMBER = "probe_features.npy"
_PROBE_POSTERIORS_MEMBER = "probe_posteriors.npy"
_MAX_FILE_BYTES = 32 * 1024 * 1024
"""While another model is tried beside one that works, both processes hold it: the service has 256 MB in all."""
_MAX_MEMBER_BYTES = 16 * 1024 * 1024
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""A fixed time stamp: the same model gives the same bytes."""

Label = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-z0-9_\-]+\Z")]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Count = Annotated[int, Meta(gt=0, le=100_000)]
UnitInterval = Annotated[float, Meta(ge=-1, le=1)]


class Licence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the use of one source allows."""

    source: str
    licence: str
    citation: str = ""


class Metric(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure, what it was measured on, and the command that printed it."""

    name: str
    value: float
    on: str
    command: str


class ModelCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything needed to run the model and to judge it.

    Attributes:
        schema: version of this structure.
        name: short name, e.g. `emotion`.
        created: ISO 8601 date.
        labels: in the order of the posteriors.
        non_speech: the network has one more output behind the labels: how likely the window holds no speech.
        activity_steps: and behind that so many more, how likely somebody speaks in each equal part of the window.
        features: what the input tensor holds.
        window_frames: frames of an analysis window: the input tensor is (1, window_frames, n_coefficients).
        hop_frames: distance between windows in frames.
        min_speech_s: voiced time that a window needs while speech goes on.
        min_final_speech_s: voiced time that the last window of a segment needs.
        quantisation: how weights and arithmetic are stored.
        tflite_sha256: of the flatbuffer, in hexadecimal.
        posterior_tolerance: how far the probe's posteriors may lie off on another machine.
        affect: label to (valence, arousal), each -1 to 1.
        description: a sentence or two for people.
        notice: what the model must not be taken for.
        provenance: recipe, revision, versions, seeds, speakers.
        licences: of the corpora, and so of the weights.
        metrics: what was measured.
    """

    schema: Literal[1] = 1
    name: Annotated[str, Meta(min_length=1, max_length=64)]
    created: str
    labels: Annotated[tuple[Label, ...], Meta(min_length=2, max_length=100)]
    non_speech: bool = False
    activity_steps: Annotated[int, Meta(ge=0, le=1000)] = 0
    features: FeatureSpec
    window_frames: Count
    hop_frames: Count
    min_speech_s: Annotated[float, Meta(ge=0, le=60)]
    min_final_speech_s: Annotated[float, Meta(ge=0, le=60)]
    quantisation: Literal["float32", "float16", "dynamic", "int8"]
    tflite_sha256: Digest
    posterior_tolerance: Annotated[float, Meta(gt=0, le=0.1)] = 1e-3
    affect: dict[str, tuple[UnitInterval, UnitInterval]] = {}
    description: str = ""
    notice: str = ""
    provenance: dict[str, Any] = {}
    licences: tuple[Licence, ...] = ()
    metrics: tuple[Metric, ...] = ()

    @property
    def n_outputs(self) -> int:
        """Of the posteriors: labels and, where there is one, no speech."""
        return len(self.labels) + self.non_speech

    def __post_init__(self) -> None:
        """Refuse what the daemon could not run and labels that no event could carry.

        Raises:
            ValueError: a rate or hop that the gate does not know, doubled or reserved labels, affect for labels that
                are not there, or a name that cannot be printed.
        """
        rate_hz = self.features.rate_hz
        hop_ms = 1000 * self.hop_frames * self.features.hop_samples / rate_hz
        if rate_hz not in VAD_RATES_HZ:
            raise ValueError(f"rate_hz is {rate_hz}, the voice-activity gate wants one of {VAD_RATES_HZ}")
        if hop_ms < VAD_FRAME_MS:
            raise ValueError(f"windows every {hop_ms:g} ms, the gate decides every {VAD_FRAME_MS} ms: wanted no fewer")
        if not self.name.isprintable():
            raise ValueError(f"name is {self.name!r}, wanted printable characters")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError(f"labels are doubled: {', '.join(self.labels)}")
        if reserved := {"uncertain", "none"} & set(self.labels):
            raise ValueError(f"labels are reserved: {', '.join(sorted(reserved))}")
        if strangers := set(self.affect) - set(self.labels):
            raise ValueError(f"affect names labels that the model lacks: {', '.join(sorted(strangers))}")


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """Features and posteriors of the probe signal, as computed where the model was made."""

    features: NDArray[np.float32]
    """float32, shape (window_frames, n_coefficients)."""
    posteriors: NDArray[np.float64]
    """float64, shape (labels,); their sum is how likely the window holds speech."""


@dataclass(frozen=True, slots=True, eq=False)
class ModelFile:
    """A model file taken apart."""

    flatbuffer: bytes
    card: ModelCard
    probe: Probe
    sha256: str
    """Of the whole file, in hexadecimal."""

    @property
    def identity(self) -> str:
        """Name and first digits of the hash, as events carry it: `emotion@9f2c41aa`."""
        return f"{self.card.name}@{self.sha256[:8]}"


def probe_signal(spec: FeatureSpec, window_frames: int) -> NDArray[np.int16]:
    """A synthetic signal that makes every filter and every loudness count: sweeps, syllable-like swells, noise.

    Args:
        spec: gives the sample rate.
        window_frames: frames that the signal fills.

    Returns:
        int16, shape ((window_frames - 1) * hop + frame,); the same numbers on every machine.
    """
    n = (window_frames - 1) * spec.hop_samples + spec.frame_samples
    t = np.arange(n) / spec.rate_hz
    nyquist_hz = spec.rate_hz / 2
    sweep = np.sin(2 * np.pi * (80 + 0.49 * nyquist_hz * t / t[-1]) * t)
    voice = sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 20))
    swell = np.clip(np.sin(2 * np.pi * 3.1 * t), 0, 1) ** 2
    noise = _congruential(n) / 2**31 - 1
    signal = 4000 * swell * (0.5 * voice + 0.3 * sweep) + 20 * noise
    samples: NDArray[np.int16] = np.rint(np.clip(signal, -32768, 32767)).astype(np.int16)
    return samples


def _congruential(n: int) -> NDArray[np.uint32]:
    """Numbers of a linear congruential generator (Numerical Recipes): numpy's own may change between versions.

    `m` steps of it are one step of another such generator, so what is there is doubled until it is enough.
    """
    multiplier, increment = 1664525, 1013904223
    states = np.array([multiplier + increment], dtype=np.uint32)  # the first after 1
    while len(states) < n:
        following = states * np.uint32(multiplier) + np.uint32(increment)  # modulo 2**32, as uint32 counts
        states = np.concatenate([states, following])
        increment = increment * (multiplier + 1) % 2**32
        multiplier = multiplier**2 % 2**32
    return states[:n]


def write_model_file(path: Path, flatbuffer: bytes, card: ModelCard, probe: Probe) -> None:
    """Write flatbuffer, card and probe as one self-describing `.tflite` file."""
    buffer = io.BytesIO()
    buffer.write(flatbuffer)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        _write_member(archive, _CARD_MEMBER, msgspec.json.format(msgspec.json.encode(card), indent=1))
        _write_member(archive, _PROBE_FEATURES_MEMBER, _npy(probe.features))
        _write_member(archive, _PROBE_POSTERIORS_MEMBER, _npy(probe.posteriors))
    path.write_bytes(buffer.getvalue())


def read_model_file(path: Path) -> ModelFile:
    """Read a model file and check that it is whole; nothing is run yet.

    Raises:
        NoInputError: there is no such file.
        PermissionDeniedError: this user may not read it.
        ModelError: it is damaged, or has no card inside, or the card is not valid.
    """
    return take_apart(read_content(path), path)


def take_apart(content: bytes, path: Path) -> ModelFile:
    """The parts of a model file, from its `content`; `path` is what errors call it.

    Raises:
        ModelError: as in `read_model_file`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            offset = min((info.header_offset for info in archive.infolist()), default=0)
            card = msgspec.json.decode(_member(archive, _CARD_MEMBER), type=ModelCard)
            probe = Probe(
                _load_npy(_member(archive, _PROBE_FEATURES_MEMBER)).astype(np.float32),
                _load_npy(_member(archive, _PROBE_POSTERIORS_MEMBER)).astype(np.float64),
            )
    except KeyError as error:
        raise ModelError(f"{path}: {quoted(error.args[0])}; export the model again with ser-train") from None
    except Exception as error:  # noqa: BLE001 - a damaged file provokes anything in zipfile, zlib and the decoders
        reason = quoted(error) or type(error).__name__
        raise ModelError(
            f"{path}: no readable model card inside ({reason}); wanted a .tflite exported by ser-train"
        ) from None
    flatbuffer = content[:offset]
    found = hashlib.sha256(flatbuffer).hexdigest()
    if found != card.tflite_sha256:
        raise ModelError(
            f"{path}: the network is damaged: sha256 {found[:16]}, its card says {card.tflite_sha256[:16]}; "
            "get the file again"
        )
    return ModelFile(flatbuffer, card, probe, hashlib.sha256(content).hexdigest())


def read_content(path: Path) -> bytes:
    """All bytes of a model file; errors as in `read_model_file`."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            # A pipe might never end, nor a device.
            what = "a directory" if stat.S_ISDIR(found.st_mode) else "not a regular file"
            raise ModelError(f"{path}: {what}; wanted a .tflite file")
        if found.st_size > _MAX_FILE_BYTES:
            raise ModelError(f"{path}: {found.st_size} bytes; a model has at most {_MAX_FILE_BYTES}")
        return path.read_bytes()
    except FileNotFoundError:
        raise NoInputError(f"no such model: {path}") from None
    except PermissionError:
        raise PermissionDeniedError(f"{path}: this user may not read it; check its owner and mode") from None
    except (OSError, ValueError) as error:
        # ValueError: a name with a null character.
        raise ModelError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as member:
        # Not what the directory declares: a few bytes can swell to gigabytes.
        content = member.read(_MAX_MEMBER_BYTES + 1)
    if len(content) > _MAX_MEMBER_BYTES:
        raise ValueError(f"{name} is larger than {_MAX_MEMBER_BYTES} bytes")
    return content


def _write_member(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    info = zipfile.ZipInfo(name, _ZIP_TIME)
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, content)


def _npy(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _load_npy(content: bytes) -> NDArray[Any]:
    """An array of floats; the header is checked against the bytes that are there before anything is allocated."""
    buffer = io.BytesIO(content)
    version = np.lib.format.read_magic(buffer)  # type: ignore[no-untyped-call,unused-ignore]
    if version != (1, 0):
        raise ValueError(f"probe is npy version {version}, wanted (1, 0)")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(buffer)  # type: ignore[no-untyped-call,unused-ignore]
    rest = content[buffer.tell() :]
    if dtype.kind != "f" or fortran_order or math.prod(shape) * dtype.itemsize != len(rest):
        raise ValueError(f"probe is {dtype} {shape} in {len(rest)} bytes")
    return np.frombuffer(rest, dtype).reshape(shape)
