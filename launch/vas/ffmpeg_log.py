"""What FFmpeg's log tells: the size of the frames, and the last error."""

from __future__ import annotations

import re

# A heading of FFmpeg's begins its line (level first, by _QUIET); what a source says about itself is
# indented. A size must have an end, or half a line would look like a smaller one.
_HEADING = r"^\[info\] Output #\d+, "
_SIZE = r"[^\n]*?, (\d{1,9})x(\d{1,9})[, \n]"
_RAW_SIZE = re.compile(rf"(?ms){_HEADING}fifo,.*?: Video: rawvideo [^\n]*?\bnv12\b{_SIZE}")
_RECORDING_SIZE = re.compile(rf"(?ms){_HEADING}matroska,.*?: Video: h264{_SIZE}")
_ERROR = re.compile(r"(?m)^(?:\[[^\]]* @ [^\]]*\] )?\[(?:error|fatal|panic)\] (.+)$")
# What FFmpeg says last when it has said the reason before.
_EMPTY_WORDS = re.compile(r"Conversion failed!|Error opening (?:in|out)put files?\b.*")


def frame_size(log: str, *, raw: bool) -> tuple[int, int] | None:
    """Width and height of the frames in pixels, or None if FFmpeg's log does not tell them (yet).

    FFmpeg logs the heading of an output before it writes that output's first frame.

    Args:
        log: What FFmpeg has written to standard error so far.
        raw: Of the raw output, else of the recording.

    """
    found = (_RAW_SIZE if raw else _RECORDING_SIZE).search(log)
    return None if found is None else (int(found[1]), int(found[2]))


def last_error(log: str) -> str | None:
    """The last error that FFmpeg's log tells, without the part of FFmpeg it is from; else None."""
    errors: list[str] = _ERROR.findall(log)
    reasons = [words for words in errors if not _EMPTY_WORDS.fullmatch(words)]
    told = reasons or errors
    return told[-1] if told else None
