"""The picture of the long runs, drawn of short made-up ones."""

import pytest
from endurance.vitals import Vitals, Watcher

picture = pytest.importorskip("endurance.picture", reason="matplotlib is not installed: pip install '.[train]'")


def course(seen):
    watcher = Watcher(1, every_s=1.0)
    watcher.seen = [Vitals(float(at), 90.0 + at % 2, 12, 6) for at in range(seen)]
    return watcher


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_what_the_long_runs_write_is_drawn(tmp_path, suffix):
    course(300).write(tmp_path / "talk.json", slope_mb_per_h=0.031, latency_s=[0.3, 0.4, 0.35], hours=0.1, events=3)
    course(100).write(tmp_path / "unplugged.json", slope_mb_per_h=-0.2, times=5)
    picture.main([str(tmp_path), str(tmp_path / f"endurance.{suffix}")])
    assert (tmp_path / f"endurance.{suffix}").stat().st_size > 5_000
    titles = [axes.get_title(loc="left") for axes in picture.picture(tmp_path).axes]
    assert [title.splitlines()[-1] for title in titles if title] == ["+0.03 MB an hour", "-0.20 MB an hour"]


def test_one_run_is_enough_and_none_is_said(tmp_path):
    with pytest.raises(SystemExit, match=r"neither talk\.json nor unplugged\.json"):
        picture.picture(tmp_path)
    course(20).write(tmp_path / "unplugged.json", slope_mb_per_h=0.0, times=1)
    assert len(picture.picture(tmp_path).axes) == 4
