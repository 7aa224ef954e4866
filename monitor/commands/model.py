"""`ser-monitor model show|verify`: what a model is, and whether it can be trusted to run here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec

from monitor.assembly import load_model, model_path
from monitor.card import read_model_file
from monitor.commands.options import settings_of
from monitor.errors import visible
from monitor.logs import set_up_logging
from monitor.sinks.output import print_line

if TYPE_CHECKING:
    import argparse

    from monitor.card import ModelCard


def run(options: argparse.Namespace) -> int:
    """Show the card, or go through all checks of a start.

    Raises:
        ModelError: a check failed.
    """
    settings = settings_of(options)
    set_up_logging(settings.log.level)
    path = model_path(settings)
    if options.action == "verify":
        model = load_model(settings)
        print_line(f"{path}: ok, {model.identity}: hash, card, shapes and probe agree")
        return 0
    file = read_model_file(path)
    if options.json:
        print_line(json.dumps(msgspec.to_builtins(file.card), ensure_ascii=False, indent=1))
    else:
        print_line(f"{path}\n{file.identity}, {path.stat().st_size} bytes, {file.card.quantisation}")
        # Whoever made the file chose the words.
        print_line("\n".join(map(visible, _lines(file.card))))
    return 0


def _lines(card: ModelCard) -> list[str]:
    spec = card.features
    hop_s, window_s = (n * spec.hop_samples / spec.rate_hz for n in (card.hop_frames, card.window_frames))
    lines = [
        card.description,
        "",
        f"labels       {', '.join(card.labels)}",
        f"features     {spec.name}, {spec.n_coefficients} coefficients, {spec.rate_hz} Hz",
        f"frames       {spec.frame_samples} samples every {spec.hop_samples}",
        f"window       {window_s:g} s every {hop_s:g} s of speech",
        f"created      {card.created}",
    ]
    lines += [f"{key:<12} {_plain(value)}" for key, value in card.provenance.items()]
    lines += [f"licence      {one.source}: {one.licence}" for one in card.licences]
    lines += [f"metric       {one.name} {one.value:g} on {one.on} ({one.command})" for one in card.metrics]
    return [*lines, "", card.notice]


def _plain(value: object) -> str:
    """A value of the provenance without brackets and quotes."""
    if isinstance(value, dict):
        return "; ".join(f"{key} {_plain(inner)}" for key, inner in value.items())
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
