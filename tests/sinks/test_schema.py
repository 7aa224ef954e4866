"""The payload of an emotion event: the contract's fields, exact, and valid under its own JSON Schema."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker, ValidationError

from monitor.records import EmotionEvent
from monitor.sinks.schema import Identity, event_payload, event_schema, to_json_line, utc_iso

RATE_HZ = 16_000
START_S = 1795179863.12
LABELS = ("angry", "happy", "neutral", "sad")
AFFECT = {"angry": (-0.6, 0.8), "happy": (0.7, 0.5), "neutral": (0.0, 0.0), "sad": (-0.7, -0.4)}
IDENTITY = Identity("kitchen", "emotion@9f2c41aa", "b3f0c2", RATE_HZ, AFFECT)
EVENT = EmotionEvent(
    type="end",
    segment=123,
    emotion="angry",
    confidence=0.812,
    scores={"angry": 0.812, "happy": 0.061, "neutral": 0.094, "sad": 0.033},
    start_sample=0,
    end_sample=54_720,
    decided_sample=62_720,
    speech_samples=46_560,
    windows=7,
    level_dbfs=-24.61,
)
VALIDATOR = Draft202012Validator(event_schema(), format_checker=FormatChecker())


@dataclass
class FakeClock:
    latency: float | None = 0.3104
    synced: bool | None = True

    def wall_s(self, sample):
        return START_S + sample / RATE_HZ

    def latency_s(self, end_sample):
        return self.latency


def payload_of(event=EVENT, clock=None, identity=IDENTITY):
    payload = event_payload(event, (clock or FakeClock()).wall_s(event.start_sample), clock or FakeClock(), identity)
    VALIDATOR.validate(json.loads(to_json_line(payload)))
    return payload


def test_the_contracts_line_comes_out_letter_by_letter():
    assert to_json_line(payload_of()) == (
        '{"schema":1,"id":"b3f0c2-000123","type":"end","event_type":"angry","emotion":"angry","confidence":0.812,'
        '"scores":{"angry":0.812,"happy":0.061,"neutral":0.094,"sad":0.033},'
        '"start":"2026-11-20T13:04:23.120Z","end":"2026-11-20T13:04:26.540Z","duration_s":3.42,"speech_s":2.91,'
        '"windows":7,"level_dbfs":-24.6,"gap_s":0.0,"latency_s":0.31,"clock_synced":true,'
        '"valence":-0.468,"arousal":0.667,"derived":["valence","arousal"],"node":"kitchen","model":"emotion@9f2c41aa"}'
    )


def test_the_schema_is_valid_and_names_every_field_in_order():
    Draft202012Validator.check_schema(event_schema())
    assert list(event_schema()["properties"]) == list(payload_of()) == event_schema()["required"]


@pytest.mark.parametrize("field", sorted(event_schema()["required"]))
def test_a_payload_without_a_field_is_refused(field):
    payload = payload_of()
    del payload[field]
    with pytest.raises(ValidationError):
        VALIDATOR.validate(payload)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("schema", 2),
        ("id", "b3f0c2"),
        ("type", "start"),
        ("emotion", None),
        ("confidence", 81.2),
        ("scores", {}),
        ("scores", {"angry": -0.1}),
        ("start", "2026-11-20T13:04:23Z"),
        ("start", "2026-11-20T13:04:23.120+01:00"),
        ("end", "2026-13-20T13:04:23.120"),
        ("duration_s", -1.0),
        ("windows", 1.5),
        ("level_dbfs", 3.0),
        ("valence", 1.5),
        ("derived", ["happiness"]),
        ("node", ""),
    ],
)
def test_a_wrong_value_is_refused(field, wrong):
    with pytest.raises(ValidationError):
        VALIDATOR.validate({**payload_of(), field: wrong})


def test_readers_let_fields_pass_that_come_later():
    VALIDATOR.validate({**payload_of(), "dominance": 0.2})


def test_recordings_have_no_latency_and_an_unknown_clock_is_null():
    payload = payload_of(clock=FakeClock(latency=None, synced=None))
    assert payload["latency_s"] is None
    assert payload["clock_synced"] is None


@pytest.mark.parametrize("level_dbfs", [-math.inf, math.nan])
def test_a_level_that_was_not_measured_is_null(level_dbfs):
    assert payload_of(replace(EVENT, level_dbfs=level_dbfs))["level_dbfs"] is None


def test_gaps_are_told_in_seconds():
    assert payload_of(replace(EVENT, gap_samples=8_200))["gap_s"] == 0.512
    assert payload_of(replace(EVENT, gap_samples=1))["gap_s"] == 0.001
    assert payload_of(EVENT)["gap_s"] == 0.0


def test_affect_is_the_mean_weighted_by_the_scores():
    payload = payload_of(replace(EVENT, scores={"angry": 0.5, "happy": 0.5, "neutral": 0.0, "sad": 0.0}))
    assert (payload["valence"], payload["arousal"]) == (0.05, 0.65)


def test_affect_is_null_unless_every_label_has_coordinates():
    payload = payload_of(identity=replace(IDENTITY, affect={"angry": (-0.6, 0.8)}))
    assert (payload["valence"], payload["arousal"], payload["derived"]) == (None, None, [])


def test_a_small_negative_number_does_not_become_minus_zero():
    identity = replace(IDENTITY, affect=dict.fromkeys(LABELS, (-0.0001, 0.0)))
    assert '"valence":0.0' in to_json_line(payload_of(identity=identity))


def test_uncertain_keeps_the_confidence_of_the_most_likely_label():
    scores = {"angry": 0.34, "happy": 0.31, "neutral": 0.3, "sad": 0.05}
    payload = payload_of(replace(EVENT, emotion="uncertain", confidence=0.34, scores=scores))
    assert (payload["emotion"], payload["event_type"], payload["confidence"]) == ("uncertain", "uncertain", 0.34)


def test_a_million_segments_fit_in_the_id():
    assert payload_of(replace(EVENT, segment=1_234_567))["id"] == "b3f0c2-1234567"


CLOSE = [0.8496134205446095, 0.9999999999999999, 1.0, 0.4649242339933869, 0.4649242339933869, 0.15266865191513992, 1.0]
CLOSE += [0.791161154652563, 0.6972214964335398, *[0.7494545166667289] * 3, 0.4649242339933869, 0.25598574004846314]
"""Two scores differ in their last digit, and their remainders do not."""


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=14).filter(lambda weights: sum(weights) > 0.01))
@example(CLOSE)
def test_rounded_scores_still_sum_to_one_and_keep_their_order(weights):
    exact = {f"label{i}": weight / sum(weights) for i, weight in enumerate(weights)}
    payload = payload_of(
        replace(EVENT, scores=exact, confidence=max(exact.values())), identity=replace(IDENTITY, affect={})
    )
    rounded = payload["scores"]
    assert sum(round(score * 1000) for score in rounded.values()) == 1000
    assert list(rounded) == list(exact)
    assert all(abs(rounded[label] - exact[label]) < 0.001 for label in exact)
    assert all(rounded[a] >= rounded[b] for a in exact for b in exact if exact[a] > exact[b])
    assert payload["confidence"] == rounded[max(exact, key=exact.__getitem__)]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_no_line_ever_holds_nan(bad):
    with pytest.raises(ValueError, match="JSON"):
        to_json_line({"latency_s": bad})


def test_a_line_is_utf_8_without_line_breaks_whatever_the_names_are():
    line = to_json_line({"node": "küche\n\udce9", "emotion": "冷静"})
    assert line == '{"node":"küche\\n\\udce9","emotion":"冷静"}'
    assert json.loads(line.encode("utf-8")) == {"node": "küche\n\udce9", "emotion": "冷静"}


@pytest.mark.parametrize(
    ("wall_s", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1795179863.9996, "2026-11-20T13:04:24.000Z"),
        (1795179863.0004, "2026-11-20T13:04:23.000Z"),
        (-0.5, "1969-12-31T23:59:59.500Z"),
    ],
)
def test_times_are_rounded_to_milliseconds(wall_s, text):
    assert utc_iso(wall_s) == text
