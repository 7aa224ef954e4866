"""A microphone that is read on a thread, its blocks checked for true sample numbers."""

import threading
import time


class Reading:
    """Reads while it is entered; `blocks` grows, and `times` with it."""

    def __init__(self, microphone):
        self.microphone = microphone
        self.blocks = []
        self.times = []
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def _listen(self):
        end = 0
        for block in self.microphone.blocks():
            assert block.start_sample == end + block.lost_samples
            end = block.end_sample
            self.times.append(time.monotonic())
            self.blocks.append(block)

    def __enter__(self):
        self._thread.start()
        return self

    @property
    def n_samples(self):
        return sum(len(block.samples) for block in self.blocks)
