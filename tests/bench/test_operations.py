"""What a second of audio has to cost, against counts made by hand."""

import pytest

from benchmarks.interpreter import Operator, operators
from benchmarks.limit import limit_percent
from benchmarks.operations import (
    Kind,
    Work,
    filter_weights,
    frame_work,
    network_work,
    work_in_silence,
    work_in_speech,
)
from monitor.card import read_model_file
from monitor.model import shipped_model
from monitor.pipeline.features.spec import FeatureSpec

TINY = FeatureSpec(
    rate_hz=8000,
    frame_samples=8,
    hop_samples=4,
    n_fft=8,
    n_filters=2,
    n_cepstra=2,
    low_hz=0.0,
    high_hz=4000.0,
)
DENSE = Operator("FULLY_CONNECTED", ((1, 300, 40), (10, 40), (10,)), ((1, 300, 10),))


def by_part(works: list[Work]) -> dict[str, Work]:
    return {work.part: work for work in works}


def test_a_frame_is_counted_stage_by_stage():
    works = by_part(frame_work(TINY))
    # 4 new samples: 2 operations each; 8 samples tapered. 5 bins: two squares and a sum each.
    assert works["pre-emphasis and taper"].n == 16
    assert (works["transform"].n, works["transform"].kind) == (1, Kind.TRANSFORM)
    assert works["power spectrum"].n == 15
    assert works["logarithm"].n == 2
    assert works["cosine transform"].n == 4


def test_bytes_are_what_each_stage_reads_and_writes():
    works = by_part(frame_work(TINY))
    assert works["pre-emphasis and taper"].n_bytes == 4 * 2 + 8 * 4
    assert works["transform"].n_bytes == 8 * 4 + 5 * 8
    assert works["filterbank"].n_bytes == (5 + 2) * 4


def test_zeros_of_the_filterbank_are_not_counted():
    # Two triangles over bins 0-0-2 and 0-2-4: weights 1, 1/2 and 1/2, 1, 1/2.
    assert filter_weights(TINY) == 5
    # Neighbouring triangles overlap: a bin is in two of them, less at the edges and where triangles are narrow.
    spec = FeatureSpec()
    assert 1.5 * 256 < filter_weights(spec) < 2 * 256


def test_log_energies_need_no_cosine_transform():
    assert "cosine transform" not in by_part(frame_work(FeatureSpec(name="logfbank")))


def test_convolutions_and_products_are_multiplied_out():
    convolution = Operator("CONV_2D", ((1, 300, 40, 2), (14, 7, 5, 2), (14,)), ((1, 60, 20, 14),))
    depthwise = Operator("DEPTHWISE_CONV_2D", ((1, 10, 10, 6), (1, 3, 3, 6), (6,)), ((1, 10, 10, 6),))
    product = Operator("BATCH_MATMUL", ((2, 3, 5), (2, 5, 7)), ((2, 3, 7),))
    assert network_work([convolution]).n == 60 * 20 * 14 * 7 * 5 * 2
    assert network_work([depthwise]).n == 10 * 10 * 6 * 9
    assert network_work([product]).n == 2 * 3 * 7 * 5
    assert network_work([DENSE]).n == 300 * 10 * 40


def test_weights_are_read_once_a_window_and_nothing_else_is_counted():
    relu = Operator("RELU", ((1, 300, 10),), ((1, 300, 10),))
    assert network_work([DENSE, relu]) == network_work([DENSE])
    assert network_work([DENSE]).n_bytes == (400 + 10) * 4


def test_a_second_has_a_hundred_frames_and_as_many_windows_as_are_classified():
    works = by_part(work_in_speech(FeatureSpec(), 0.75, [DENSE]))
    assert works["transform"].n == 100
    assert works["network"].n == 0.75 * network_work([DENSE]).n


def test_power_is_counted_where_somebody_may_speak_and_a_peak_nowhere():
    power = by_part(work_in_speech(FeatureSpec(), 2, [DENSE]))["mean square"]
    # Each sample is squared and added, and read once.
    assert (power.n, power.n_bytes) == (2 * 16_000, 2 * 16_000)
    assert work_in_silence() == []


def test_the_shipped_network_has_the_multiply_adds_that_its_training_counted():
    counted = network_work(operators(read_model_file(shipped_model()).flatbuffer))
    # `docs/results.md` says 25.4 M and 291,834 parameters: TensorFlow counts additions of tensors too.
    assert counted.n == pytest.approx(25.4e6, rel=0.03)
    assert counted.n_bytes / 4 == pytest.approx(291_834, rel=0.03)


def test_the_limit_is_that_of_operations_or_of_bytes_whichever_is_slower():
    rates = {Kind.MULTIPLY_ADD: 1e9, Kind.ELEMENT: 1e6, Kind.BYTE: 1e8}
    computing = Work("a", Kind.MULTIPLY_ADD, 2e6, 1e5)  # 2 ms and 1 ms a second
    reading = Work("b", Kind.ELEMENT, 1e3, 5e5)  # 1 ms and 5 ms
    assert limit_percent([computing, reading], rates) == pytest.approx(0.7)
