"""Content-addressed blobs: DIR/artifacts/ab/<sha256>, immutable once there.

Owner: the registry process alone. A blob is written to a temporary file, verified, synced and renamed, so that a name
always means whole bytes; what a crash left in tmp/ is removed at the next start. Reading verifies again, at the cost
of one sha256 over the bytes.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gnomon.channel import CHUNK_BYTES
from gnomon.errors import ArtifactCorrupt, ArtifactNotFound, InvalidInput, MessageTooLarge


class Artifacts:
    """The folder of blobs."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._temporary = folder / "tmp"
        self._limit_bytes = limit_bytes

    def open(self) -> None:
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary.mkdir(parents=True)

    def upload(self) -> "Upload":
        return Upload(self, self._temporary, self._limit_bytes)

    def path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256

    def size(self, sha256: str) -> int:
        """Bytes of a blob. Raises: ArtifactNotFound."""
        try:
            return self.path(sha256).stat().st_size
        except FileNotFoundError:
            raise ArtifactNotFound(f"artifact {sha256} does not exist; put it first") from None

    def read(self, sha256: str) -> Iterator[bytes]:
        """The bytes in chunks. Raises: ArtifactNotFound; ArtifactCorrupt: after the last chunk."""
        digest = hashlib.sha256()
        self.size(sha256)
        with self.path(sha256).open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
                yield chunk
        if digest.hexdigest() != sha256:
            raise ArtifactCorrupt(f"artifact {sha256} has become {digest.hexdigest()} on disk; put it again")


class Upload:
    """One blob on its way in. `finish` or `abandon` ends it."""

    def __init__(self, artifacts: Artifacts, temporary: Path, limit_bytes: int) -> None:
        self._artifacts = artifacts
        self._limit_bytes = limit_bytes
        self._digest = hashlib.sha256()
        self.size_bytes = 0
        descriptor, name = tempfile.mkstemp(dir=temporary)
        self._file = os.fdopen(descriptor, "wb")
        self._path = Path(name)

    def write(self, data: bytes) -> None:
        """Raises: InvalidInput, MessageTooLarge."""
        if len(data) > CHUNK_BYTES:
            raise InvalidInput(f"chunk of {len(data)} bytes: at most {CHUNK_BYTES}")
        self.size_bytes += len(data)
        if self.size_bytes > self._limit_bytes:
            raise MessageTooLarge(f"artifact of more than {self._limit_bytes} bytes, the limit of this registry")
        self._digest.update(data)
        self._file.write(data)

    def finish(self, expected: str) -> str:
        """Puts the blob in its place and returns its digest. Raises: InvalidInput, ArtifactCorrupt: not `expected`."""
        sha256 = self._digest.hexdigest()
        if self.size_bytes == 0:
            raise InvalidInput("an artifact of 0 bytes: at least one expected")
        if expected not in ("", sha256):
            raise ArtifactCorrupt(f"artifact {expected} arrived as {sha256}; put it again")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._place(self._artifacts.path(sha256))
        return sha256

    def abandon(self) -> None:
        """Leaves nothing behind; after `finish` nothing is left to leave."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _place(self, path: Path) -> None:
        """Renames also over a blob that is there: the same bytes, or a mended copy of damaged ones."""
        path.parent.mkdir(exist_ok=True)
        os.replace(self._path, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
