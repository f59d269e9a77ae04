"""Messages cut out of any chunks are the messages that were framed."""

import gzip as standard
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.transport.framing import Reassembler, frame
from gateway.transport.gzip import deflate, inflate
from gateway.transport.refusal import Refusal


@given(st.lists(st.binary(max_size=300), max_size=20), st.lists(st.integers(0, 2000), max_size=30))
def test_any_cutting_gives_the_same_messages(messages: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frame(message) for message in messages)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    frames = Reassembler(1000, None)
    got = [message for a, b in pairwise(edges) for message in frames.feed(stream[a:b])]
    assert got == messages
    assert frames.held == 0


@given(st.lists(st.binary(max_size=64), max_size=20))
def test_any_bytes_are_messages_or_a_refusal(chunks: list[bytes]) -> None:
    frames = Reassembler(100, inflate)
    with suppress(Refusal):
        for chunk in chunks:
            assert all(len(message) <= 100 for message in frames.feed(chunk))
            assert frames.held < 105


def test_a_length_over_the_limit_is_refused_before_its_bytes_come() -> None:
    with pytest.raises(Refusal, match="at most 10"):
        Reassembler(10, None).feed(frame(bytes(11))[:5])


@given(st.binary(max_size=2000))
def test_gzip_is_what_others_call_gzip(message: bytes) -> None:
    assert standard.decompress(deflate(message)) == message
    assert inflate(standard.compress(message), 2000) == message


def test_a_bomb_is_stopped_at_the_limit() -> None:
    assert len(inflate(deflate(bytes(1000)), 1000)) == 1000
    with pytest.raises(Refusal, match="over 999 bytes"):
        inflate(deflate(bytes(1000)), 999)
