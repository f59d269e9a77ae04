"""Where Parquet goes: a folder of this host, or any store that fsspec has a URL for.

A file's name is made of the journal, the segment and what its rows are, so that a file written again replaces itself;
and it appears whole. Together that is exactly once, whatever is killed. In a store that several gateways share a name
ends with the gateway's id.
"""

import io
import shutil
import urllib.parse
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol

import pyarrow as pa

from gateway.shipping import parquet
from gateway.shipping.names import local_folder

# Their objects appear whole and replace one another. Elsewhere a file gets its name when it is complete.
OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "memory"})
S3_PATIENCE = {"connect_timeout": 5, "read_timeout": 20, "retries": {"max_attempts": 1}}  # we try again ourselves


class StoreUnavailable(OSError):
    """A store that did not take, list or remove a file; the message says which and why. It is tried again."""


class Store(Protocol):
    """Takes files under relative names."""

    def put(self, name: PurePosixPath, table: pa.Table) -> int:
        """Writes a file, or replaces it. Its bytes. Raises: OSError, with the former file in place."""

    def folders(self, name: PurePosixPath) -> list[PurePosixPath]:
        """The folders in a folder; none where there is no such folder. Raises: OSError."""

    def remove(self, name: PurePosixPath) -> None:
        """Removes a folder and all in it. Raises: OSError."""

    def find(self, pattern: str) -> list[PurePosixPath]:
        """This gateway's files whose names match, `*` standing for anything but a slash. Raises: OSError."""

    def open(self, name: PurePosixPath) -> AbstractContextManager[BinaryIO]:
        """A file, to be read. Raises: OSError."""


class Folder:
    """A folder of this host."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, name: PurePosixPath, table: pa.Table) -> int:
        return parquet.write(table, self.root / name)

    def folders(self, name: PurePosixPath) -> list[PurePosixPath]:
        path = self.root / name
        return sorted(name / item.name for item in path.iterdir() if item.is_dir()) if path.is_dir() else []

    def remove(self, name: PurePosixPath) -> None:
        shutil.rmtree(self.root / name)

    def find(self, pattern: str) -> list[PurePosixPath]:
        return sorted(PurePosixPath(path.relative_to(self.root)) for path in self.root.glob(pattern))

    def open(self, name: PurePosixPath) -> AbstractContextManager[BinaryIO]:
        return (self.root / name).open("rb")


class Remote:
    """A store behind a URL. Credentials and endpoints come from the environment, as its client knows them."""

    def __init__(self, url: str, gateway_id: str) -> None:
        self.url = url.rstrip("/")
        self.gateway_id = gateway_id
        self._files: Any = None
        self._root = ""

    def put(self, name: PurePosixPath, table: pa.Table) -> int:
        memory = io.BytesIO()
        parquet.encode(table, memory)
        data = memory.getvalue()
        with _told(self.url):
            files = self._connected()
            path = f"{self._root}/{name.with_stem(f'{name.stem}-{self.gateway_id}')}"
            if urllib.parse.urlsplit(self.url).scheme in OBJECT_STORES:
                files.pipe_file(path, data)
            else:
                self._put_renamed(path, data)
        return len(data)

    def folders(self, name: PurePosixPath) -> list[PurePosixPath]:
        with _told(self.url):
            files = self._connected()
            files.invalidate_cache()
            try:
                found = files.ls(f"{self._root}/{name}", detail=True)
            except FileNotFoundError:
                return []
        return sorted(name / PurePosixPath(item["name"]).name for item in found if item["type"] == "directory")

    def remove(self, name: PurePosixPath) -> None:
        with _told(self.url):
            self._connected().rm(f"{self._root}/{name}", recursive=True)

    def find(self, pattern: str) -> list[PurePosixPath]:
        with _told(self.url):
            files = self._connected()
            files.invalidate_cache()
            found = files.glob(f"{self._root}/{PurePosixPath(pattern).with_suffix('')}-{self.gateway_id}.parquet")
        return sorted(PurePosixPath(path).relative_to(self._root) for path in found)

    @contextmanager
    def open(self, name: PurePosixPath) -> Iterator[BinaryIO]:
        with _told(self.url), self._connected().open(f"{self._root}/{name}", "rb") as opened:
            yield opened

    def _connected(self) -> Any:
        if self._files is None:
            import fsspec.core  # only who exports to a store needs it

            scheme = urllib.parse.urlsplit(self.url).scheme
            options = {"config_kwargs": S3_PATIENCE} if scheme in ("s3", "s3a") else {}
            self._files, self._root = fsspec.core.url_to_fs(self.url, skip_instance_cache=True, **options)
        return self._files

    def _put_renamed(self, path: str, data: bytes) -> None:
        folder, _, last = path.rpartition("/")
        self._files.makedirs(folder, exist_ok=True)
        self._files.pipe_file(f"{folder}/.{last}.tmp", data)
        self._files.mv(f"{folder}/.{last}.tmp", path)


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Every store's client has errors of its own: they become one that is tried again."""
    try:
        yield
    except Exception as error:
        raise StoreUnavailable(f"{url}: {error!r}") from error


def store_of(export_url: str, folder: Path, gateway_id: str) -> Store:
    """Of the setting: empty is the gateway's own folder."""
    local = local_folder(export_url, folder)
    return Remote(export_url, gateway_id) if local is None else Folder(local)
