"""The shadow's books: offered = run + shed + expired + failed, for every version, at every checkpoint."""

from collections import Counter
from typing import Any

from gateway.pages import Page

RUN, SHED, EXPIRED, FAILED = "run", "shed", "expired", "failed"
ENDS = (RUN, SHED, EXPIRED, FAILED)


class Books:
    """Calls offered to each (model, version), and how each one ended. Written by: the shadow runner."""

    def __init__(self, state: list[list[Any]] | None = None) -> None:
        self._ended: dict[tuple[str, int], Counter[str]] = {
            (model, version): Counter(ended) for model, version, ended in state or []
        }

    def end(self, model: str, version: int, how: str, calls: int = 1) -> None:
        """Offers calls and ends them, in one."""
        self._ended.setdefault((model, version), Counter())[how] += calls

    def total(self, how: str) -> int:
        return sum(ended[how] for ended in self._ended.values())

    @property
    def offered(self) -> int:
        return sum(ended.total() for ended in self._ended.values())

    def publish(self, page: Page) -> None:
        for (model, version), ended in self._ended.items():
            labels = {"model": model, "version": str(version)}
            page.set("gnomon_shadow_offered_total", ended.total(), **labels)
            for how in ENDS:
                page.set(f"gnomon_shadow_{how}_total", ended[how], **labels)

    def state(self) -> list[list[Any]]:
        """As JSON takes it."""
        return [[model, version, dict(ended)] for (model, version), ended in self._ended.items()]
