"""The verbs of the command line: one file a verb, each `run(options) -> exit code`."""
