"""A call the transport itself ends: a status, and words for the caller."""

import grpc


class Refusal(Exception):
    """Raised while a call is read. Its text is sent to the caller."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code, self.details = code, details


def too_large(size: int, limit: int) -> Refusal:
    return Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, f"a message of {size} bytes; at most {limit} are taken")
