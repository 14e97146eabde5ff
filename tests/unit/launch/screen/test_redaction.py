from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.addresses import SECRET, addresses, queries
from launch.screen.redaction import Redaction, redact, without_secrets
from ruth.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

thorough = settings(derandomize=True, max_examples=200, deadline=None)


@thorough
@given(addresses() | queries(), st.sampled_from(["", "cam=", "bad id=", "cam:", "cam"]))
def test_no_form_of_an_address_shows_its_secret(address: str, before: str) -> None:
    """Whatever the form of an address, well-formed or not, what is shown of it has no password or token."""
    assert SECRET not in redact(before + address)


@thorough
@given(
    addresses() | queries(),
    st.sampled_from(
        [str, quote, quote_plus, unquote, lambda text: quote(quote(text, safe=""), safe=""), repr]
    ),
)
def test_no_words_about_an_address_show_its_secret(address: str, spell: object) -> None:
    """A program's words about an address do not show its secret, however they spell the address."""
    assert callable(spell)
    try:
        spelled = spell(address)
    except UnicodeEncodeError:  # quote() takes no bytes that are not UTF-8
        return
    said = Redaction([address]).hide(
        f"[tcp @ 0x55d0] Connection to {spelled} failed: {spelled}: no such host"
    )
    assert SECRET not in said


@thorough
@given(st.text(st.sampled_from("abXY12@:/?#&;=%. +\\'\"\u00e9"), min_size=4, max_size=10))
def test_a_password_alone_is_hidden(password: str) -> None:
    """A password is hidden also where it is quoted alone, raw or encoded."""
    redaction = Redaction([f"rtsp://u:{quote(password, safe='')}@h/x"])
    encoded = quote(password, safe="")
    for spelled in (password, encoded, re.sub("%..", lambda found: found[0].lower(), encoded)):
        assert redaction.hide(f"401: {spelled}") == "401: ***"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://admin:p@ss@10.0.0.7:554/main", "rtsp://***@10.0.0.7:554/main"),
        ("RTSP://u:pa/ss?#w@h/x", "RTSP://***@h/x"),
        ("rtsp://token@h/x", "rtsp://***@h/x"),
        ("rtsp://10.0.0.7:554/main?channel=1", "rtsp://10.0.0.7:554/main?channel=1"),
        ("rtsp://[fe80::1]:554/x", "rtsp://[fe80::1]:554/x"),
        ("rtsp://h:99999/x", "rtsp://h:99999/x"),
        ("rtsp://u:S3cret/x", "rtsp://u:***"),
        ("rtsp://u:S3cret@h:S3cret/x", "rtsp://***@h:***"),
        ("admin:S3cret@h/x", "***@h/x"),
        ("rtsp:/u:S3cret@h/x", "rtsp:/***@h/x"),
        ("http://h/x?user=u&password=S3&cret&b=1", "http://h/x?user=u&password=***&b=1"),
        ("http://h/x?token=&b=1", "http://h/x?token=&b=1"),
        ("rtsp://h/user=u_password=S3cret_channel=1", "rtsp://h/user=u_password=***"),
        ("srt://h:9000?streamid=read:x:u:S3cret&latency=1", "srt://h:9000?streamid=***&latency=1"),
        ("/videos/me@home.mp4", "/videos/me@home.mp4"),
        ("clip.mp4", "clip.mp4"),
        ("", ""),
    ],
)
def test_what_is_left(address: str, shown: str) -> None:
    """Of an address is shown all that is not secret: scheme, host, port, path and other keys."""
    assert redact(address) == shown


def test_other_words_stay() -> None:
    """Words that hold no secret are left as they are; so are those of a run without any."""
    words = "[tcp @ 0x55d0] Connection to tcp://10.0.0.7:554?timeout=0 failed: Connection refused"
    assert Redaction([]).hide(words) == Redaction(["rtsp://u:S3cret@10.0.0.7/x"]).hide(words) == words


def test_other_addresses() -> None:
    """A URL that only the words name, as after a redirection, shows no secret either."""
    said = Redaction([]).hide("Opening 'https://u:S3cret@h/live.m3u8?token=S3cret' for reading")
    assert said.startswith("Opening 'https://***@h/live.m3u8?token=***")


@pytest.mark.parametrize("before", ["", "cam=", "--source=", "cam:"])
@pytest.mark.parametrize("show", [str, repr, printable])
def test_errors_about_arguments(before: str, show: Callable[[str], str]) -> None:
    """An error that quotes an argument, escaped or not, does not show its password."""
    for address in (
        "rtsp://u:S3\\\x1bcret@h:99999/x?pass=S3\x1bcret",
        "u:S3\x1bcret@h",
        "u:S3\x1bcret@h?a=b",
    ):
        said = without_secrets(f"invalid: {show(before + address)}", [before + address, "other"])
        assert "S3" not in said
        assert "cret" not in said


def test_names_of_cameras_are_no_keys() -> None:
    """A camera may be called like the key of a secret: its source is shown."""
    error = "'key-room=test:1x1': width and height must be even"
    assert without_secrets(error, ["key-room=test:1x1", "passage=rtsp://u:S3cret@h/x"]) == error


def test_a_short_password_is_a_word() -> None:
    """A password of less than four characters is hidden where it is a word, and leaves others whole."""
    assert Redaction(["rtsp://u:a@h/x"]).hide("a: bad data at a1") == "***: bad data at a1"


def test_long_text() -> None:
    """Text of any length is handled in time that grows with it."""
    started = time.process_time()
    redact("rtsp://" + "a" * 200_000)
    Redaction(["rtsp://u:" + "a" * 200_000 + "@h"]).hide("a" * 200_000)
    redact("a=" * 100_000)
    Redaction(["rtsp://u:" + "x" * 500 + "@h"]).hide("password" * 30_000)
    assert time.process_time() - started < 5
