"""A budget of CPU: seconds come in at a steady rate, and what was used is taken off, also below nothing."""

BURST_S = 0.25  # of the clock: what may be used at once after a rest


class Budget:
    """A token bucket over measured CPU seconds. Written by: the arm's thread. Time is an argument.

    Over any stretch of t seconds at most share · (t + BURST_S) is used, and what one look at the clock missed.
    """

    def __init__(self, share: float, now_s: float) -> None:
        self._share = share
        self._tokens_s = share * BURST_S
        self._at_s = now_s

    @property
    def share(self) -> float:
        return self._share

    def change(self, share: float) -> None:
        """Another share from now on; 0: no limit."""
        self._share = share

    def charge(self, used_s: float, now_s: float) -> None:
        """CPU that was used up to now."""
        earned = self._tokens_s + self._share * max(0.0, now_s - self._at_s)
        self._tokens_s = min(earned, self._share * BURST_S) - used_s
        self._at_s = now_s

    def wait_s(self, now_s: float) -> float:
        """How long until there is something to use; 0 where there is, or no limit."""
        if not self._share:
            return 0.0
        self.charge(0.0, now_s)
        return max(0.0, -self._tokens_s / self._share)
