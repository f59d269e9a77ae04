"""The shadow's books: offered = run + shed + expired + failed, for every version and epoch, at every checkpoint."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from gateway.observe.arms import EPOCHS_KEPT
from gateway.pages import Page
from gnomon.evidence import ShadowBooks

RUN, SHED, EXPIRED, FAILED = "run", "shed", "expired", "failed"
ENDS = (RUN, SHED, EXPIRED, FAILED)
EARLIER = 0  # the epoch of what is too long ago to be told apart


class BooksKey(NamedTuple):
    """A shadow in one epoch."""

    model: str
    version: int
    epoch: int


class Books:
    """Calls offered to each shadow, and how each one ended. Written by: the shadow runner."""

    def __init__(self, state: Iterable[list[Any]] | None = None) -> None:
        self._ended: dict[BooksKey, Counter[str]] = {
            BooksKey(model, version, *epoch or [EARLIER]): Counter(ended)
            for model, version, *epoch, ended in state or []
        }

    def end(self, key: BooksKey, how: str, calls: int = 1) -> None:
        """Offers calls and ends them, in one."""
        self._ended.setdefault(key, Counter())[how] += calls

    def add(self, other: "Books") -> None:
        for key, ended in other._ended.items():
            self._ended.setdefault(key, Counter()).update(ended)

    def total(self, how: str) -> int:
        return sum(ended[how] for ended in self._ended.values())

    @property
    def offered(self) -> int:
        return sum(ended.total() for ended in self._ended.values())

    def forget(self, kept: int = EPOCHS_KEPT) -> None:
        """Puts all but the newest epochs of each model together."""
        epochs: dict[str, set[int]] = {}
        for key in self._ended:
            epochs.setdefault(key.model, set()).add(key.epoch)
        oldest = {model: sorted(found)[-kept:][0] for model, found in epochs.items()}
        for key in [key for key in self._ended if EARLIER < key.epoch < oldest[key.model]]:
            self._ended.setdefault(key._replace(epoch=EARLIER), Counter()).update(self._ended.pop(key))

    def by_version(self) -> dict[tuple[str, int], Counter[str]]:
        """Over all epochs."""
        sums: dict[tuple[str, int], Counter[str]] = {}
        for key, ended in self._ended.items():
            sums.setdefault((key.model, key.version), Counter()).update(ended)
        return sums

    def publish(self, page: Page) -> None:
        for (model, version), ended in self.by_version().items():
            labels = {"model": model, "version": str(version)}
            page.set("gnomon_shadow_offered_total", ended.total(), **labels)
            for how in ENDS:
                page.set(f"gnomon_shadow_{how}_total", ended[how], **labels)

    def state(self) -> list[list[Any]]:
        """As JSON takes it."""
        return [[*key, dict(ended)] for key, ended in self._ended.items()]

    def evidence(self) -> Iterator[ShadowBooks]:
        """As a registry takes it."""
        for key, ended in self._ended.items():
            yield ShadowBooks(
                model=key.model, version=key.version, epoch=key.epoch, run=ended[RUN], shed=ended[SHED],
                expired=ended[EXPIRED], failed=ended[FAILED],
            )  # fmt: skip
