"""ser-train: makes the models that ser-monitor runs, from speech corpora and a recipe."""

import os as _os

# Before TensorFlow is loaded, by whichever module comes first: its banner about processor instructions and GPUs.
_os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
