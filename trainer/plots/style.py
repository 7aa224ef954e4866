"""The common look: sizes, fonts, colours. matplotlib is loaded here.

Only its objects are used, never pyplot: that keeps figures in a global list and asks for a display.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

try:
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.patheffects import withStroke
except ImportError as error:
    from monitor.errors import MissingDependencyError

    raise MissingDependencyError("ser-monitor[train]", error) from None

from monitor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

WIDTH = 8.0
"""Inches. At 1000 pixels across, the font's 10 points are 17 pixels."""
DPI = 150
INK = "#333333"
FAINT = "#8a8a8a"
"""For what is read second; 3.5 : 1 against the background."""
RULE = "#d9d9d9"
PAPER = "#fcfcfb"

BLUE, ORANGE, GREEN, PURPLE, SKY, RED, YELLOW = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#c9b800",
)
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, SKY, RED, YELLOW, "#555555")
"""Told apart by colour-blind eyes: Okabe, M. & Ito, K. (2008), Color universal design.

Their yellow is darkened: it is too faint on a light background; grey stands in for their black.
"""
GENDERS = {"female": ORANGE, "male": BLUE, "unknown": FAINT}
GENDER_NAMES = {"f": "female", "m": "male", "": "unknown"}
"""As corpora write them, to words."""
LEVELS = "magma"
"""Colour map from little to much; its lightness rises evenly, so it survives grey print."""
SIGNED = "RdBu_r"
"""Colour map around zero."""
SHARES = "Blues"

_RC: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": FAINT,
    "axes.facecolor": PAPER,
    "axes.grid": False,
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.titlepad": 7,
    "figure.facecolor": PAPER,
    "figure.titlesize": 12,
    # Bundled with matplotlib: the same letters on every machine.
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "savefig.facecolor": PAPER,
    # Without it the names within an SVG differ from run to run.
    "svg.hashsalt": "ser-monitor",
    "text.color": INK,
    "xtick.color": INK,
    "xtick.labelsize": 9,
    "ytick.color": INK,
    "ytick.labelsize": 9,
}


def styled() -> AbstractContextManager[None]:
    """Within it, what is drawn and written looks as above, whatever the user's own settings are."""
    # The backend is for windows on a screen, which are not opened; setting it would outlast the context.
    defaults = {key: value for key, value in mpl.rcParamsDefault.items() if not key.startswith("backend")}
    context: AbstractContextManager[None] = mpl.rc_context({**defaults, **_RC})
    return context


def new_figure() -> Figure:
    """An empty figure that finds room for all labels by itself."""
    return Figure(figsize=(WIDTH, 5.0), layout="constrained")


def headed(figure: Any, title: str) -> None:
    """Give the figure a title over all of its axes, at the left."""
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")


def ruled(axes: Any, axis: str = "y") -> None:
    """Quiet lines to read values by."""
    axes.grid(visible=True, axis=axis)
    axes.tick_params(length=0, axis=axis)


def colour(number: int) -> str:
    """Colour `number` of the palette, which begins again after its end; mark the second round by other means."""
    return PALETTE[number % len(PALETTE)]


def outlined(text: Any) -> None:
    """Keep letters legible over marks and lines."""
    text.set_path_effects([withStroke(linewidth=3, foreground=PAPER)])


def genders_of(clips: Sequence[str]) -> list[str]:
    """Genders as corpora or people write them, in words."""
    return [GENDER_NAMES.get(gender, gender) for gender in clips]


def warned(figure: Any, warning: str) -> Any:
    """The figure with `warning` in its lower left corner, for whoever sees it without the page it was on."""
    if warning:
        figure.text(0.006, 0.004, warning, ha="left", va="bottom", fontsize=8, color=ORANGE, fontweight="bold")
    return figure


def save(figure: Any, path: Path) -> None:
    """Write PNG or SVG, as the suffix says, in one go; the same figure gives the same bytes.

    Raises:
        UsageError: the suffix is another.
    """
    kind = path.suffix.lower().removeprefix(".")
    # What is not about the picture: a date, the version of matplotlib.
    metadata = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
    if kind not in metadata:
        raise UsageError(f"{path}: cannot write '{path.suffix}'; wanted a name that ends in .png or .svg")
    picture = io.BytesIO()
    with styled():
        figure.savefig(picture, format=kind, dpi=DPI, metadata=metadata[kind])
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_bytes(picture.getvalue())
    unfinished.replace(path)
