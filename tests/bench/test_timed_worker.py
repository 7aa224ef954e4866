"""The program's worker by stage, in real time."""

import pytest

from benchmarks import timed_worker
from benchmarks.measurement import NotAvailableError
from benchmarks.recording import RATE_HZ, unbroken_speech
from benchmarks.stageclock import OUTSIDE, STAGES
from monitor.records import AudioBlock


def test_the_worker_of_the_running_program_says_where_its_time_went():
    try:
        taken = timed_worker.hear(unbroken_speech()[: 4 * RATE_HZ])
    except NotAvailableError as error:
        pytest.skip(str(error))
    own = {timed_worker.READING, timed_worker.COUNTING, timed_worker.REPORTING}
    assert set(taken.stage_ns) == own | set(STAGES)
    assert min(taken.stage_ns.values()) > 0
    assert OUTSIDE not in taken.stage_ns
    # What settles is not counted; a block over its end is, and less than one may be left at the end of the pipe.
    assert 3 * RATE_HZ < taken.n_samples <= 4 * RATE_HZ
    assert 4 <= taken.n_blocks < taken.n_samples / 480, "blocks are longer than a VAD frame"


def test_what_came_before_is_forgotten():
    notes = timed_worker._Notes()
    settled = round(timed_worker.SETTLE_S * RATE_HZ)
    for at in (0, settled - 480):
        notes.clock.during("some", lambda: None)
        notes.came(AudioBlock(unbroken_speech()[:480], at))
    assert notes.taken == timed_worker.Taken({}, 0, 0)
    notes.came(AudioBlock(unbroken_speech()[:480], settled))
    notes.clock.during("other", lambda: None)
    assert (notes.taken.n_samples, notes.taken.n_blocks) == (480, 1)
    assert set(notes.taken.stage_ns) == {"other", timed_worker.READING}
