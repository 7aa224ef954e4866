"""A live source in simulated time: whoever takes time lets audio arrive meanwhile, through a real ring."""

from fake_classifier import FeatureHash

from monitor.clock import LiveClock
from monitor.ring import Ring
from monitor.sources import SourceStatus

RATE_HZ = 16_000
BLOCK = 480
START_S = 5_000.0
"""When the first sample is heard, on the simulated clock."""
WALL_S = 1_700_000_000.0
"""What the wall clock is ahead of it."""


class SimulatedMicrophone:
    """Sample number n is heard at `START_S + n / RATE_HZ`, whenever it is read."""

    live = True
    waits = False
    name = "simulated"

    def __init__(self, samples, ring_s):
        self.ring = Ring(round(ring_s * RATE_HZ))
        self.now_s = START_S
        self._samples, self.n_heard = samples, 0
        self._over = False

    def take_time(self, seconds):
        """Let time pass; what is heard meanwhile goes into the ring."""
        self.now_s += seconds
        until = round((self.now_s - START_S) * RATE_HZ)
        while self.n_heard + BLOCK <= min(until, len(self._samples)):
            self.ring.write(self._samples[self.n_heard : self.n_heard + BLOCK])
            self.n_heard += BLOCK
        self._over = until > len(self._samples)

    def blocks(self):
        """Until the last sample was heard: as at a stop, what waits then is left unread."""
        while not self._over:
            block = self.ring.read(1600, 0.0)
            if block is None:
                self.take_time(BLOCK / RATE_HZ)
            else:
                yield block

    def clock(self):
        """What the monitor knows of time."""
        return LiveClock(RATE_HZ, lambda: self.now_s, lambda: WALL_S + self.now_s)

    def stop(self):
        self._over = True

    def status(self):
        return SourceStatus(device=self.name, lost_samples=self.ring.lost_samples)

    def mute(self, *, muted):
        """It hears on: what comes is thrown away by whoever reads."""

    def attend(self, rhythm):
        """Its blocks are as long as they are."""


class SlowClassifier(FeatureHash):
    """Takes `took_s` of simulated time for each window."""

    def __init__(self, microphone, took_s):
        super().__init__()
        self._microphone, self.took_s = microphone, took_s

    def answer(self, values):
        self._microphone.take_time(self.took_s)
        return super().answer(values)


def heard_at_s(sample):
    """The true wall-clock time of a sample."""
    return WALL_S + START_S + sample / RATE_HZ
