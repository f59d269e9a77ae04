"""Cores and processor time of processes, from /proc: who runs where, and what a call costs."""

import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
NICENESS = 10
ALLOWED = os.sched_getaffinity(0)  # before anything was pinned


def split() -> tuple[set[int], set[int]]:
    """The server's core, and everybody else's; the same where there is only one."""
    allowed = sorted(ALLOWED)
    return {allowed[0]}, set(allowed[1:]) or {allowed[0]}


def pin(pid: int, cores: set[int]) -> None:
    """Every thread a process has; those it starts later follow. A process that is gone is left alone."""
    for task in _tasks(pid):
        try:
            os.sched_setaffinity(task, cores)
        except ProcessLookupError:
            continue


def give_way(pid: int) -> None:
    """Every thread of a process behind those of ordinary niceness; those it starts later follow."""
    for task in _tasks(pid):
        try:
            os.setpriority(os.PRIO_PROCESS, task, NICENESS)
        except ProcessLookupError:
            continue


def step_aside() -> None:
    """The calling thread, and those it starts, off the server's core and behind the generator."""
    thread = threading.get_native_id()
    os.sched_setaffinity(thread, split()[1])
    os.setpriority(os.PRIO_PROCESS, thread, NICENESS)


def _tasks(pid: int) -> list[int]:
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except FileNotFoundError:
        return []


def descendants(pid: int) -> list[int]:
    """Processes started by a process, by those, and so on."""
    found: list[int] = []
    for task in _tasks(pid):
        for child in _read(f"/proc/{pid}/task/{task}/children").split():
            found += [int(child), *descendants(int(child))]
    return found


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def cpu_s(pids: Iterable[int]) -> float:
    """User and system time the processes have used; one that is gone counts as 0."""
    return sum(_ticks(pid) for pid in pids) / TICKS_A_SECOND


def _ticks(pid: int) -> int:
    after_name = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(after_name[11]) + int(after_name[12]) if after_name else 0


def memory_kb(pid: int) -> dict[str, int]:
    """VmRSS, and of it RssAnon (its own) and RssFile (mapped files: libraries, journal segments)."""
    lines = (line.split() for line in _read(f"/proc/{pid}/status").splitlines())
    wanted = ("VmRSS:", "RssAnon:", "RssFile:")
    return {words[0].rstrip(":"): int(words[1]) for words in lines if words and words[0] in wanted}


def age_s(pid: int) -> float:
    """How long ago a process was started, exact to a tick."""
    after_name = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(after_name[19]) / TICKS_A_SECOND
