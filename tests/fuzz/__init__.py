"""What comes from outside, fed with whatever finds new paths through its reader: one file a target.

A target is a module with `check(data)`, which raises where a promise is broken, and `seeds()`, where to begin.
`python -m tests.fuzz` needs atheris; `test_findings.py` replays seeds and findings without it.
"""

TARGETS = ("configuration", "commands", "card", "audio")
