"""eGeMAPS: the extended Geneva minimalistic acoustic parameter set, by openSMILE (Eyben et al. 2016)."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from monitor.errors import MissingDependencyError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EXTRA = "ser-monitor[egemaps]"
_SHORTEST_S = 0.1
"""openSMILE returns nothing for clips shorter than its longest frame, 60 ms."""


class Egemaps(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """eGeMAPSv02; the package `opensmile` comes with the extra `egemaps`, its licence allows research only.

    Attributes:
        level: functionals, 88 numbers a clip; or the low-level descriptors behind them, 25 every 10 ms.
    """

    level: Literal["functionals", "descriptors"] = "functionals"

    def __post_init__(self) -> None:
        """Refuse to begin without the package.

        Raises:
            MissingDependencyError: it is not installed.
        """
        if find_spec("opensmile") is None:
            raise MissingDependencyError(_EXTRA, ModuleNotFoundError("No module named 'opensmile'"))

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """As openSMILE names them."""
        return tuple(_extractor(self.level).feature_names)

    def __call__(self, samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        """float32 (n,) to float32 (1, 88) or (frames, 25); what openSMILE cannot tell, as in silence, is 0.

        Raises:
            MissingDependencyError: the package cannot be imported.
        """
        padded = np.pad(samples, (0, max(0, int(_SHORTEST_S * rate_hz) - len(samples))))
        table = _extractor(self.level).process_signal(padded, rate_hz)
        return np.asarray(np.nan_to_num(table.to_numpy(), nan=0.0, posinf=0.0, neginf=0.0), np.float32)


@cache
def _extractor(level: str) -> Any:
    try:
        import opensmile  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise MissingDependencyError(_EXTRA, error) from None
    levels = {
        "functionals": opensmile.FeatureLevel.Functionals,
        "descriptors": opensmile.FeatureLevel.LowLevelDescriptors,
    }
    return opensmile.Smile(feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=levels[level])
