"""What every refusal promises: an exit code people can look up, and one line that fits a screen."""

LONGEST = 700
"""Characters, the path apart."""


def keep_promise(error, path, codes):
    """Fail unless `error` is a refusal with one of `codes` in a line that can be read."""
    message = str(error)
    assert error.exit_code in codes, f"exit code {error.exit_code}"
    assert message.splitlines() == [message], f"found {len(message.splitlines())} lines"
    length = len(message.replace(str(path), ""))
    assert length <= LONGEST, f"found a message of {length} characters: {message[:200]}"
    assert message.replace(str(path), "").isprintable()
    message.encode("utf-8", "surrogateescape")
