"""What it costs: `make bench`. Everything with one thread, which libraries read when they are imported."""

import os

for _library in ("OPENBLAS", "OMP", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
