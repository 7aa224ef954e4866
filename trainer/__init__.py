"""ser-train: makes the models that ser-monitor runs, from speech corpora and a recipe."""
