"""Clips as points, near where the model finds them alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trainer.plots.style import INK, PALETTE, PAPER, colour, headed, outlined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Method = Literal["pca", "t-sne"]
_MARKERS = "o^sDvPX*<>"
_PERPLEXITY = 30.0
_ROW_HEIGHT = 0.21


def draw(
    figure: Any,
    points: NDArray[np.floating[Any]],
    labels: Sequence[str],
    *,
    marks: Sequence[str] = (),
    axis_names: tuple[str, str] = ("first axis (no unit)", "second axis (no unit)"),
    mark_name: str = "speaker",
) -> None:
    """Fill `figure`: colour says the label, the form of the mark the speaker or the gender.

    Args:
        figure: empty.
        points: shape (clips, 2).
        labels: of each clip; with more than eight, the second half repeats the colours with hollow marks.
        marks: of each clip, or empty; more than ten different ones are not told apart.
        axis_names: with their units; `points_of` gives them.
        mark_name: what `marks` are.

    Raises:
        ValueError: the lengths differ, or there is no clip.
    """
    if not len(points) == len(labels) == (len(marks) or len(labels)) or not len(points):
        raise ValueError(
            f"{len(points)} points, {len(labels)} labels, {len(marks)} marks; wanted one each, or no marks"
        )
    names = list(dict.fromkeys(sorted(labels)))
    forms = sorted(set(marks))
    if len(forms) > len(_MARKERS):
        forms, marks = [], ()
    rows = len(names) + (len(forms) + 2 if len(forms) > 1 else 0)
    figure.set_size_inches(8.0, max(5.6, 1.2 + _ROW_HEIGHT * rows))
    axes = figure.subplots()
    wanted, form_of = np.array(labels), np.array(marks) if forms else np.full(len(points), "")
    for i, name in enumerate(names):
        for form in sorted(set(form_of.tolist())):
            chosen = (wanted == name) & (form_of == form)
            if chosen.any():
                axes.plot(
                    points[chosen, 0],
                    points[chosen, 1],
                    linestyle="",
                    marker=_marker(form, forms),
                    markersize=5.5,
                    markeredgewidth=0.8,
                    alpha=0.85,
                    **_look(i, len(names)),
                )
    _name_the_middles(axes, points, wanted, names)
    axes.set_xlabel(axis_names[0])
    axes.set_ylabel(axis_names[1])
    axes.tick_params(length=0, labelsize=8)
    _draw_legends(figure, names, forms, mark_name)
    headed(figure, f"{len(points)} clips: what is alike lies together")


def points_of(
    vectors: NDArray[np.floating[Any]], method: Method = "pca", seed: int = 0
) -> tuple[NDArray[np.float64], tuple[str, str]]:
    """Vectors, shape (clips, n), as points, float64 (clips, 2), and names of the two axes.

    Principal components are the two directions of greatest variance; t-SNE (van der Maaten & Hinton 2008) keeps
    neighbours together and says nothing about distances. Three clips or more.
    """
    if method == "pca":
        from sklearn.decomposition import PCA  # noqa: PLC0415

        model = PCA(2, svd_solver="full")
        points = model.fit_transform(vectors).astype(np.float64)
        first, second = (f"{share:.0%} of the variance" for share in model.explained_variance_ratio_)
        return points, (f"first component ({first})", f"second component ({second})")
    from sklearn.manifold import TSNE  # noqa: PLC0415

    perplexity = min(_PERPLEXITY, (len(vectors) - 1) / 3)
    points = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(vectors).astype(np.float64)
    return points, ("t-SNE, first axis (no unit)", "t-SNE, second axis (no unit)")


def _name_the_middles(axes: Any, points: NDArray[np.floating[Any]], labels: Any, names: Sequence[str]) -> None:
    """The label's name at the median of its points: found without going back and forth to the legend."""
    for name in names:
        x, y = np.median(points[labels == name], axis=0)
        text = axes.text(x, y, name, ha="center", va="center", fontsize=9, fontweight="bold", color=INK)
        outlined(text)


def _draw_legends(figure: Any, names: Sequence[str], forms: Sequence[str], mark_name: str) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415

    handles = [Line2D([], [], linestyle="", marker="o", **_look(i, len(names))) for i in range(len(names))]
    texts = list(names)
    if len(forms) > 1:
        head = Line2D([], [], linestyle="")
        handles += [head, *(Line2D([], [], linestyle="", marker=_marker(form, forms), color=INK) for form in forms)]
        texts += [f"{mark_name}:", *forms]
    figure.legend(handles, texts, loc="outside right upper", labelspacing=0.35)


def _marker(form: str, forms: Sequence[str]) -> str:
    return _MARKERS[forms.index(form)] if form in forms else _MARKERS[0]


def _look(number: int, n: int) -> dict[str, Any]:
    """Colours of label `number` of `n`. Sorted, gendered labels fall into halves: one emotion has one colour."""
    half = n if n <= len(PALETTE) else -(-n // 2)
    hollow, fill = number >= half, colour(number % half)
    return {"markerfacecolor": "none" if hollow else fill, "markeredgecolor": fill if hollow else PAPER}
