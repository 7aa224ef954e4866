"""The page of figures: written from the JSON, and the same as it."""

import pytest

from benchmarks.measurement import Measurement, Target
from benchmarks.page import BEGIN, END, PAGE, figures, with_figures
from benchmarks.recording import Recording
from benchmarks.results import Results


@pytest.fixture(scope="module")
def results():
    late = Measurement(name="news", group="latency", unit="ms", values=(30.0, 40.0, 50.0), target=Target(20))
    return Results.of(Recording.compose(20, 10, 1), [late, Measurement.missing("all", "live", "no broker")])


def test_every_figure_has_its_line(results):
    table = figures(results)
    assert "| news | 40.0 | 30.0 .. 50.0 | ms |  | <= 20.0: MISSED |  |" in table
    assert "not measured: no broker" in table
    assert len({line.count("|") for line in table.splitlines() if line.startswith("|")}) == 1


def test_what_stands_around_the_figures_stays(results):
    page = with_figures(f"above\n{BEGIN}\nold\n{END}\nbelow\n", results)
    assert page.startswith("above\n")
    assert page.endswith(f"{END}\nbelow\n")
    assert "old" not in page
    assert with_figures(page, results) == page


def test_a_page_without_a_place_is_left_alone(results):
    with pytest.raises(ValueError, match="wanted a place"):
        with_figures("a page of something else", results)


def test_the_page_is_that_of_the_figures_that_are_kept():
    kept = Results.from_json((PAGE.parent / "bench.json").read_bytes())
    text = PAGE.read_text(encoding="utf-8")
    assert with_figures(text, kept) == text
