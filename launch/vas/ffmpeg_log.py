"""What FFmpeg's log is good for: the last error, to be shown. Nothing is decided by it."""

from __future__ import annotations

import re

_ERROR = re.compile(r"(?m)^(?:\[[^\]]* @ [^\]]*\] )?\[(?:error|fatal|panic)\] (.+)$")
# What FFmpeg says last when it has said the reason before.
_EMPTY_WORDS = re.compile(r"Conversion failed!|Error opening (?:in|out)put files?\b.*")


def last_error(log: str) -> str | None:
    """The last error that FFmpeg's log tells, without the part of FFmpeg it is from; else None."""
    errors: list[str] = _ERROR.findall(log)
    reasons = [words for words in errors if not _EMPTY_WORDS.fullmatch(words)]
    told = reasons or errors
    return told[-1] if told else None
