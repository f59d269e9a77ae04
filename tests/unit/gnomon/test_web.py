"""Pages for whoever watches: what a server says when it cannot listen."""

import socket

import pytest

from gnomon.web import Server


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"^cannot listen on 127.0.0.1:{port}: Address already in use$"):
            Server(("127.0.0.1", port), {})


def test_a_host_that_is_not_this_machines_is_named() -> None:
    with pytest.raises(OSError, match=r"^cannot listen on 192\.0\.2\.1:0: "):
        Server(("192.0.2.1", 0), {})
