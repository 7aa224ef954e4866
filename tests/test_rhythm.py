"""Where long blocks end, against the pipeline's own windows."""

from fake_classifier import FeatureHash, LoudIsSpeech, talk
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.pipeline import Pipeline
from monitor.records import AudioBlock, Estimate, Rhythm, SpeechEnded

LONGEST = 4_320
FRAME = 480


@given(
    origin=st.integers(0, 10**6),
    since=st.integers(0, 10**6),
    grid=st.tuples(st.integers(-50, 50), st.integers(FRAME, 20_000)),
    longest=st.integers(FRAME, 10_000),
    turn=st.none() | st.integers(-(10**4), 10**4),
)
def test_a_block_ends_at_a_frame_after_its_beginning_and_never_goes_past_what_is_due(
    origin, since, grid, longest, turn
):
    hops, hop = grid
    turn = None if turn is None else since + turn
    rhythm = Rhythm(origin, origin + hops * hop, hop, FRAME, True, None if turn is None else origin + turn)
    end = rhythm.block_end(origin + since, longest) - origin
    assert since < end <= since + longest + FRAME
    assert end % FRAME == 0
    due = [-(-k * hop // FRAME) * FRAME for k in range(since // hop, since // hop + 3)]
    due += [] if turn is None else [-(-turn // FRAME) * FRAME]
    assert not [at for at in due if since < at < end]


@given(origin=st.integers(0, 10**6), since=st.integers(0, 10**6), n_frames=st.integers(1, 40))
def test_blocks_in_silence_are_as_long_as_they_may_wherever_they_begin(origin, since, n_frames):
    """A resampler's blocks do not begin with a VAD frame."""
    rhythm = Rhythm(origin, origin, 8_000, FRAME, speaking=False)
    end = rhythm.block_end(origin + since, n_frames * FRAME) - origin
    assert end % FRAME == 0
    assert since < end
    assert end - since > (n_frames - 1) * FRAME


def test_blocks_go_on_to_exactly_what_is_due():
    rhythm = Rhythm(1_000, 1_000, 8_000, FRAME, speaking=True)
    ends, at = [], 1_000
    for _ in range(6):
        at = rhythm.block_end(at, LONGEST)
        ends.append(at - 1_000)
    assert ends == [3_840, 8_160, 12_000, 16_320, 20_160, 24_000]


def test_two_blocks_in_a_row_are_over_before_the_gate_closes():
    """Whoever falls silent in the first is heard to do so after the second at the latest: half a second, 17 frames."""
    rhythm, at = Rhythm(0, 0, 8_000, FRAME, speaking=True), 0
    ends = [at := rhythm.block_end(at, LONGEST) for _ in range(200)]
    assert max(later - earlier for earlier, later in zip(ends, ends[2:], strict=False)) <= 17 * FRAME


def test_estimates_come_with_the_frame_that_completes_them_as_with_short_blocks():
    samples = talk(-1.3, 4, -2)

    def hear(next_end):
        pipeline, at, found = Pipeline(FeatureHash(), detector=LoudIsSpeech), 0, []
        while at < len(samples):
            end = min(next_end(pipeline, at), len(samples))
            events = pipeline.push(AudioBlock(samples[at:end], at))
            found += [(event.end_sample, end) for event in events if isinstance(event, Estimate)]
            at = end
        return found

    short = hear(lambda _, at: at + FRAME)
    assert len(short) > 6
    for n_frames in (5, 17, 40):

        def long(pipeline, at, n=n_frames):
            # Three tenths of a second of speech are enough for a window of this classifier's.
            return pipeline.rhythm.block_end(at, FRAME * (n if pipeline.rhythm.speaking else 5))

        assert hear(long) == short


@given(turns=st.lists(st.floats(0.05, 1.5), min_size=2, max_size=8))
@settings(max_examples=40, deadline=None)
def test_ends_come_with_the_frame_that_decides_them_as_with_short_blocks(turns):
    """Whatever the block's length while somebody speaks: none goes on behind the moment in which the gate may close."""
    samples = talk(*(seconds * (1 if number % 2 else -1) for number, seconds in enumerate(turns)), -1.5)

    def ends(next_end):
        pipeline, at, found = Pipeline(FeatureHash(), detector=LoudIsSpeech), 0, []
        while at < len(samples):
            end = min(next_end(pipeline, at), len(samples))
            events = pipeline.push(AudioBlock(samples[at:end], at))
            found += [(event, end) for event in events if isinstance(event, SpeechEnded)]
            at = end
        return found

    def next_end(pipeline, at):
        # While nobody speaks, and for the first frames of speech, blocks are short here: only ends are judged.
        return pipeline.rhythm.block_end(at, 40 * FRAME) if pipeline.rhythm.speaking else at + FRAME

    assert ends(next_end) == ends(lambda _, at: at + FRAME)
