"""Too few samples to say anything: raised instead of returning a number that looks like an answer."""


class NotEnoughSamples(ValueError):
    """A statistic was asked of fewer samples than it is valid for.

    Attributes:
        n: samples there are.
        needed: samples there have to be.
    """

    def __init__(self, n: int, needed: int, what: str = "samples") -> None:
        super().__init__(f"{n} {what}, at least {needed} needed")
        self.n = n
        self.needed = needed
