"""Metadata, timeouts and status texts in header fields, there and back."""

from urllib.parse import unquote_to_bytes

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.transport import head
from gateway.transport.metadata import escape, headers_of, metadata_of, timeout_s
from gateway.transport.refusal import Refusal
from gateway.transport.reply import status

text = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40)


@given(st.lists(st.one_of(st.tuples(st.just("x-text"), text), st.tuples(st.just("x-raw-bin"), st.binary(max_size=40)))))
def test_metadata_goes_there_and_back(pairs: list[tuple[str, str | bytes]]) -> None:
    assert list(metadata_of(headers_of(pairs))) == pairs


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_status_texts_are_printable_and_go_there_and_back(details: str) -> None:
    escaped = escape(details)
    assert all(0x20 <= byte <= 0x7E for byte in escaped)
    assert unquote_to_bytes(escaped).decode() == details


@pytest.mark.parametrize(
    "pair", [("grpc-status", "0"), (":path", "/"), ("a b", "c"), ("", "x"), ("é", "x"), ("x", "é")]
)
def test_what_cannot_be_sent_is_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(ValueError):
        headers_of([pair])


def test_what_belongs_to_the_protocol_is_not_shown() -> None:
    fields = [(b":path", b"/"), (b"te", b"trailers"), (b"grpc-timeout", b"1S"), (b"user-agent", b"me"), (b"x", b"1")]
    assert metadata_of(fields) == (("user-agent", "me"), ("x", "1"))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(b"1H", 3600), (b"2M", 120), (b"3S", 3), (b"4m", 0.004), (b"5u", 5e-6), (b"6n", 6e-9), (b"0S", 0)],
)
def test_timeouts_have_units(value: bytes, seconds: float) -> None:
    assert timeout_s(value) == pytest.approx(seconds)


@pytest.mark.parametrize("value", [b"", b"5", b"S", b"5s", b"-5S", b"123456789S", b" 5S", b"5S\n"])
def test_other_timeouts_are_none(value: bytes) -> None:
    assert timeout_s(value) is None


def test_a_long_status_text_is_cut_between_escapes() -> None:
    message = dict(status(grpc.StatusCode.INTERNAL, "ä" * 3000))[b"grpc-message"]
    assert len(message) <= 4096
    assert len(message) % 3 == 0


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        (b"grpc-encoding", b"br", grpc.StatusCode.UNIMPLEMENTED),
        (b"grpc-timeout", b"soon", grpc.StatusCode.INTERNAL),
    ],
)
def test_a_head_is_refused_with_a_reason(field: bytes, value: bytes, code: grpc.StatusCode) -> None:
    fields = {b":method": b"POST", b"content-type": b"application/grpc", field: value}
    with pytest.raises(Refusal) as caught:
        head.read(tuple(fields.items()), fields, 0.0)
    assert caught.value.code is code
