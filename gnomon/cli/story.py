"""How the demo is told: a line a fact, a bar while it works, an end at the first thing that is not as it should be."""

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class StoryFailed(RuntimeError):
    """A step did not do what it says."""


class Bar:
    """A running step's progress."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, steps: int = 1) -> None:
        self._progress.advance(self._task, steps)

    def say(self, text: str) -> None:
        self._progress.update(self._task, description=text)


class Story:
    """Prints the lines and keeps the figures behind them; `save` writes them."""

    def __init__(self, console: Console, path: Path) -> None:
        self.console = console
        self.path = path
        self.summary: dict[str, Any] = {}
        self._began = time.monotonic()

    def chapter(self, title: str) -> None:
        self.console.print(f"\n[bold]{title}[/bold]")

    def tell(self, text: str) -> None:
        self.console.print(f"  {text}", highlight=False)

    def check(self, right: bool, text: str) -> None:
        """A fact that must be. Raises: StoryFailed."""
        self.console.print(f"  {'[green]✓[/green]' if right else '[red]✗[/red]'} {text}", highlight=False)
        if not right:
            raise StoryFailed(text)

    @contextlib.contextmanager
    def bar(self, title: str, total: int | None = None) -> Iterator[Bar]:
        columns = (TextColumn("  {task.description}"), BarColumn(bar_width=30), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True) as progress:
            yield Bar(progress, progress.add_task(title, total=total))

    @property
    def elapsed_s(self) -> float:
        return round(time.monotonic() - self._began, 1)

    def save(self) -> None:
        self.summary["elapsed_s"] = self.elapsed_s
        self.path.write_text(json.dumps(self.summary, indent=2) + "\n")


def until(what: str, condition: Any, timeout_s: float = 60.0) -> Any:
    """What `condition` returns once it is true of something. Raises: StoryFailed after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise StoryFailed(f"waited {timeout_s:.0f} s in vain: {what}")
        time.sleep(0.05)
    return found
