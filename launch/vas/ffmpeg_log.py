"""What FFmpeg's log is good for: the reason of a failure, to be shown. Nothing is decided by it."""

from __future__ import annotations

import re
from typing import Final

from launch.vas.source import Kind

_ERROR: Final = re.compile(r"(?m)^(?:\[[^\]]* @ [^\]]*\] )?\[(?:error|fatal|panic)\] (.+)$")
_NEAR_THE_END: Final = 8  # errors that may tell the reason; those before are of the stream
# What FFmpeg says last when it has said the reason before.
_EMPTY_WORDS: Final = re.compile(
    r"Conversion failed!|Error opening (?:in|out)put files?\b.*|Error parsing options for .*"
    r"|Failed to set value .*|Error while opening encoder .*|Nothing was written into output file.*"
    r"|Error marking filters as finished|Error while decoding stream.*|Could not write header .*"
    r"|Error initializing output stream.*|Cannot determine format of input stream.*"
    r"|(?:Task finished|Terminating thread) with (?:error|return) code.*|Could not open encoder before EOF"
    r"|Error reinitializing filters!|Failed to (?:configure input pad|inject frame) .*"
    r"|Error while processing the decoded data .*"
)
# Names of errors without what they are about, behind an address or not: better than nothing.
_GENERAL: Final = re.compile(
    r"(?:.*: )?(?:Input/output error|Invalid argument"
    r"|Protocol not supported|Option not found|Immediate exit requested|Unknown error occurred|End of file)"
)
_NO_VIDEO: Final = re.compile(r"Stream map '.*' matches no streams\.|dimensions not set")
_TOO_SMALL: Final = re.compile(r"Invalid too big or non positive size for width '\d+' or height '\d+'")
_SAID_NO_VIDEO: Final = "no video"
_ANSWER: Final = re.compile(r"Server returned |method \w+ failed: \d")
# Of those above, what does not even hint at a reason.
_NO_REASON: Final = re.compile(
    r"Conversion failed!|Nothing was written into output file.*|Error marking filters as finished"
    r"|(?:Task finished|Terminating thread) with (?:error|return) code.*|Could not open encoder before EOF"
)
_TRANSPORT: Final = re.compile(r"method SETUP failed: 461\b.*")
_REFUSED: Final = {
    Kind.RTSP: "the camera refuses TCP (461 Unsupported Transport); rtsp+udp:// asks for UDP",
    Kind.RTSP_UDP: "the camera refuses UDP (461 Unsupported Transport); rtsp:// asks for TCP",
}


def last_error(log: str, kind: Kind | None = None) -> str | None:
    """The error that FFmpeg ended with as its log tells it, without the part of FFmpeg it is from; else None.

    The last that is more than the name of an error, else the last.

    Args:
        log: The end of what FFmpeg has logged.
        kind: What it was to open.

    """
    errors: list[str] = _ERROR.findall(log)
    for unwanted in (_EMPTY_WORDS, _GENERAL):
        errors = ([words for words in errors if not unwanted.fullmatch(words)] or errors)[-_NEAR_THE_END:]
    if not errors:
        return None
    if _NO_VIDEO.fullmatch(errors[-1]):
        return _SAID_NO_VIDEO
    if _TOO_SMALL.fullmatch(errors[-1]):
        return "a picture of less than 2x2 pixels"
    if kind in _REFUSED and _TRANSPORT.fullmatch(errors[-1]):
        return _REFUSED[kind]
    return None if _NO_REASON.fullmatch(errors[-1]) else errors[-1]


def is_answer(reason: str) -> bool:
    """Whether a reason tells what a server answered: it was not silent then, whenever FFmpeg gave up."""
    return reason in (_SAID_NO_VIDEO, *_REFUSED.values()) or _ANSWER.search(reason) is not None
