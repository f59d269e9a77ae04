"""What Linux says of a process: is it asleep, what CPU has it used, how much memory does it hold."""

import os
from pathlib import Path
from typing import NamedTuple

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
STATE, USER_TICKS, SYSTEM_TICKS, RESIDENT_PAGES = 0, 11, 12, 21  # places behind the name, in /proc/PID/stat


class Vitals(NamedTuple):
    """`cpu_s` is of all its threads, ever; `asleep` of its first."""

    asleep: bool
    cpu_s: float
    resident_bytes: int


def vitals_of(pid: int) -> Vitals | None:
    """None for a process that is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(")") + 2 :].split()
    if fields[STATE] in "ZX":
        return None
    ticks = int(fields[USER_TICKS]) + int(fields[SYSTEM_TICKS])
    return Vitals(fields[STATE] in "SD", ticks * TICK_S, int(fields[RESIDENT_PAGES]) * PAGE_BYTES)
