"""Prediction ids for tests: of the right form, and in the order of the numbers they are made of."""

import uuid


def prediction_id(number: int, *before: int) -> str:
    """Ids with other numbers `before` differ, and come before by those."""
    whole = 0
    for part in (*before, number):
        whole = (whole << 36) | part
    return str(uuid.UUID(int=whole))
