import pytest

from gateway.traceparent import trace_id

GOOD = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ID = bytes.fromhex("4bf92f3577b34da6a3ce929d0e0e4736")


@pytest.mark.parametrize("value", [GOOD, b"cc" + GOOD[2:] + b"-what-is-to-come"])
def test_the_trace_of_a_caller_is_found_also_in_a_later_version(value):
    assert trace_id(value) == ID


@pytest.mark.parametrize(
    "value",
    [
        None, b"", GOOD[:54], b"ff" + GOOD[2:], GOOD.replace(b"-", b"_"), b"00-" + b"x" * 32 + GOOD[35:],
        b"00-" + b" " * 32 + GOOD[35:], b"00-" + b"\xff" * 32 + GOOD[35:], b"00-" + b"4b " * 10 + b"4b" + GOOD[35:],
    ],
)  # fmt: skip
def test_what_is_no_trace_is_none(value):
    assert trace_id(value) == bytes(16)
