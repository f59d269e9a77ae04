import pytest

from trainer.flights import Flights, load


@pytest.fixture(scope="session")
def flights() -> Flights:
    return load()
