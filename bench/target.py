"""Target: a server to be measured, and the processes whose time is its price."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`pids` are the processes that answer calls; empty for a server of which only the address is known."""

    name: str
    address: str
    pids: tuple[int, ...] = ()


def by_address(text: str) -> Target:
    """NAME=HOST:PORT, any server of the protocol. Raises: ValueError."""
    name, equals, address = text.partition("=")
    host, _, port = address.rpartition(":")
    if not (name and equals and host and port.isdecimal()):
        raise ValueError(f"peer {text!r}: NAME=HOST:PORT expected")
    return Target(name=name, address=address)
