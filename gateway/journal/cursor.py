"""How far a consumer has read, and what it knew then: one file, so that counts and cursors never disagree.

    {"format": 1, "crc32": 1234}
    {"positions": {"w00": [segment, offset, sequence]}, "state": {…}}

Replaced as a whole by a rename: `kill -9` leaves the old file or the new one. It is not forced to the disk, as the
journal is not: a power loss may take the newest one.
"""

import json
import logging
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.journal.walk import Position

log = logging.getLogger(__name__)

FORMAT = 1


class CheckpointCorrupt(ValueError):
    """A checkpoint file that is not one; the message says which and why."""


class Checkpoint:
    """One consumer's file. Written by: that consumer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lost = 0  # files that could not be used: what was read before is then read, and counted, again

    def load(self) -> tuple[dict[str, Position], dict[str, Any]]:
        """Positions and state of the last save; both empty where there is none.

        A file that is no checkpoint is kept aside as `.corrupt`, and reading starts at the oldest segment kept.
        """
        try:
            return read_checkpoint(self.path)
        except FileNotFoundError:
            return {}, {}
        except CheckpointCorrupt as error:
            aside = self.path.with_suffix(".corrupt")
            log.error("%s; kept as %s, reading starts anew", error, aside)
            self.path.replace(aside)
            self.lost += 1
            return {}, {}

    def save(self, positions: Mapping[str, Position], state: Mapping[str, Any]) -> None:
        """Raises: OSError, with the former file in place."""
        body = json.dumps({"positions": positions, "state": state}, separators=(",", ":")).encode()
        head = json.dumps({"format": FORMAT, "crc32": zlib.crc32(body)}).encode()
        temporary = self.path.with_suffix(".tmp")
        temporary.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(head + b"\n" + body)
        temporary.replace(self.path)


def read_checkpoint(path: Path) -> tuple[dict[str, Position], dict[str, Any]]:
    """For anybody. Raises: FileNotFoundError, CheckpointCorrupt."""
    head, _, body = path.read_bytes().partition(b"\n")
    try:
        fields = json.loads(head)
        if fields["format"] != FORMAT:
            raise CheckpointCorrupt(f"{path}: checkpoint format {fields['format']}; this program reads {FORMAT}")
        if fields["crc32"] != zlib.crc32(body):
            raise CheckpointCorrupt(f"{path}: the checksum does not fit its {len(body)} bytes")
        content = json.loads(body)
        positions = {str(name): Position(*map(int, numbers)) for name, numbers in content["positions"].items()}
        return positions, dict(content["state"])
    except CheckpointCorrupt:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointCorrupt(f"{path}: not a checkpoint: {error!r}") from None
