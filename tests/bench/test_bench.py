"""The whole, with so little audio that the figures mean nothing."""

import shutil

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.alternatives import contest
from benchmarks.everyhop import EveryHop
from benchmarks.groups import measure_all
from benchmarks.measurement import OURS
from benchmarks.recorded import analyze, write
from benchmarks.recording import Recording
from benchmarks.results import Results
from benchmarks.stageruns import STAGE_RUNS, hear


@pytest.fixture(scope="module")
def recording():
    return Recording.compose(8, 4, n_rounds=1)


def test_the_stages_see_what_the_whole_pipeline_sees(recording):
    """Each alone is a fair part only if it has the same work to do."""
    model = EveryHop.shipped()
    heard = hear(recording.speech, model)
    assert len(heard.frames) == len(heard.votes) == len(recording.speech) // 480
    assert len(heard.windows) == sum(end <= 480 * len(heard.frames) for end in recording.window_ends)
    estimate = heard.estimates[-1]
    posteriors = model.answer(heard.windows[-1]).posteriors
    assert np.allclose(posteriors / posteriors.sum(), estimate.posteriors, atol=1e-6)
    assert set(STAGE_RUNS) == {"gate", "windows and features", "model", "smoothing and segments"}


def test_one_run_gives_a_table_a_picture_and_a_json(recording, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib draws the picture")
    measurements, sound = measure_all(recording, ["pipeline", "live"])
    assert sound
    results = Results.of(recording, [*contest.measure(recording, {}), *measurements])
    by_name = {(one.group, one.name): one for one in results.measurements}
    if shutil.which("mosquitto", path="/usr/bin:/usr/sbin:/usr/local/sbin"):
        assert by_name["live: pipe to MQTT", "start to READY"].median > 0
        assert by_name["live: pipe to MQTT", "silence: wake-ups"].median > 0
        assert by_name["live: pipe to MQTT", "talk: CPU"].target == by_name["live: pipe to MQTT", "speech: CPU"].target
        assert {"speech: worker", "speech: main", "speech: mqtt", "talk: worker"} <= {name for _, name in by_name}
    else:
        assert "mosquitto" in by_name["live", "all"].note
    (tmp_path / "kept.json").write_bytes(results.to_json())
    assert main(["--draw", str(tmp_path / "kept.json"), "--write", str(tmp_path / "docs")]) == 0
    table = capsys.readouterr().out
    assert all(one.name in table for one in results.measurements)
    assert f"  {OURS} " in table
    assert Results.from_json((tmp_path / "docs" / "bench.json").read_bytes()) == results
    assert (tmp_path / "docs" / "pictures" / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_what_analyze_took_is_counted_from_its_start_to_its_end(recording, tmp_path):
    write(tmp_path / "some.wav", recording.samples, 10)
    found = analyze(tmp_path / "some.wav")
    assert (tmp_path / "some.wav").stat().st_size == 44 + 2 * 160_000
    assert 0 < found.cpu_s < 60
    assert found.wall_s > 0
    assert 20 < found.peak_mb < 500
