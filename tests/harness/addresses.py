"""Addresses of cameras with a secret in them, well-formed and otherwise, for Hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

SECRET = "S3cret"  # noqa: S105 - what must not be shown

SCHEMES = st.sampled_from(
    ["rtsp", "RTSP", "rtsps", "rtsp+udp", "rtsp-listen", "http", "HTTPS", "srt", "rtmp", "x"]
)
SLASHES = st.sampled_from(["://", ":///", ":/"])
HOSTS = st.sampled_from(
    ["h", "10.0.0.7:554", "h:99999", "h:x", "[fe80::1]:554", "[fe80", "", "b\u00fccher.example"]
)
AROUND = st.text(st.sampled_from("ab1@:/?#&;=%. +\\'\"~\u00e9\u202e\udce9"), max_size=6)
PATHS = st.sampled_from(
    ["", "/", "/x", "/x@y", "/a/b?c=d", "/x?user=u&channel=1", "?a", "#f", "/user=u_stream=0.sdp"]
)
KEYS = st.sampled_from(
    [
        *("pass", "passwd", "password", "Password", "PWD", "pass%77ord", "passphrase", "p", "user_p"),
        *("token", "access_token", "key", "apiKey", "auth", "sig", "client_secret", "X-Amz-Signature"),
        "streamid",
    ]
)


@st.composite
def addresses(draw: st.DrawFn) -> str:
    """An address with SECRET in its password, whatever else is wrong with it."""
    password = draw(AROUND) + SECRET + draw(AROUND)
    user = draw(st.sampled_from(["u:", "", "u@x:", "a b:", "u:v:"]))
    return draw(SCHEMES) + draw(SLASHES) + f"{user}{password}@" + draw(HOSTS) + draw(PATHS)


@st.composite
def queries(draw: st.DrawFn) -> str:
    """An address with SECRET in the value of a key."""
    around = st.text(st.sampled_from("ab1@:/?#;=%.+\u00e9"), max_size=6)
    begin = (
        draw(SCHEMES)
        + draw(SLASHES)
        + draw(HOSTS)
        + draw(st.sampled_from(["/x?", "/x?user=u&", "/x;", "/user=u_", "?"]))
    )
    end = draw(st.sampled_from(["", "&channel=1", "&token=", ";a=b", "_channel=1_stream=0.sdp"]))
    return f"{begin}{draw(KEYS)}={draw(around)}{SECRET}{draw(around)}{end}"
