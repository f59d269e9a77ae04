"""What the arguments of a call must be, whatever the state: refused at the edge, with the offending value."""

from gnomon.errors import InvalidInput


def named(what: str, text: str) -> str:
    """Raises: InvalidInput unless `text` says something."""
    if not text.strip():
        raise InvalidInput(f"{what} {text!r}: a name expected")
    return text


def at_least(lowest: int, what: str, number: int) -> int:
    """Raises: InvalidInput unless `number` is `lowest` or more."""
    if number < lowest:
        raise InvalidInput(f"{what} {number}: {lowest} or more expected")
    return number


def share(what: str, number: float) -> float:
    """Raises: InvalidInput unless `number` lies between 0 and 1."""
    if not 0 < number < 1:
        raise InvalidInput(f"{what} {number}: more than 0 and less than 1 expected")
    return number
