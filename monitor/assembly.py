"""Puts the core together from settings: model, rules, pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from monitor.model import EmotionModel, shipped_model
from monitor.pipeline import GateRule, Pipeline, PipelineRules
from monitor.pipeline.smoother import DecisionRule

if TYPE_CHECKING:
    from monitor.config import Settings


def model_path(settings: Settings) -> Path:
    """The model file that the settings name, or the shipped one."""
    return Path(settings.model.path).expanduser() if settings.model.path else shipped_model()


def load_model(settings: Settings) -> EmotionModel:
    """Load and verify the model; errors as in `EmotionModel.load`."""
    return EmotionModel.load(model_path(settings), settings.model.threads)


def make_pipeline(settings: Settings, model: EmotionModel, *, limit_events: bool = True) -> Pipeline:
    """A pipeline over `model`; `limit_events=False` reports every change, as a recording's reader wants it."""
    vad, decision = settings.vad, settings.decision
    rules = PipelineRules(
        gate=GateRule(
            mode=vad.mode,
            floor_dbfs=vad.floor_dbfs,
            onset_ms=vad.onset_ms,
            hangover_ms=vad.hangover_ms,
            preroll_ms=vad.preroll_ms,
        ),
        decision=DecisionRule(
            smoothing_s=decision.smoothing_s,
            min_confidence=decision.min_confidence,
            change_margin=decision.change_margin,
            min_dwell_s=decision.min_dwell_s,
        ),
        max_events_per_min=decision.max_events_per_min if limit_events else 0,
    )
    return Pipeline(model, rules)
