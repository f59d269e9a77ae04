"""Where a segment's rows go: names made of what the rows are, so that shipping again replaces the same files."""

import urllib.parse
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from gateway.layout import SHADOW_JOURNAL
from gnomon.domain import MODEL_NAME

PREDICTIONS_DATASET = "predictions"
SHADOW_DATASET = "shadow"
UNKNOWN_MODEL = "_unknown"  # of calls that never came as far as a model
HOUR_NS = 3_600_000_000_000


class Partition(NamedTuple):
    """Rows of one model, version and hour: one file of a segment."""

    model: str
    version: int
    hour: int  # since 1970, UTC

    def name(self, journal: str, base_sequence: int) -> PurePosixPath:
        """predictions/model=M/date=2026-01-31/hour=07/w00-0000000000000042-v1.parquet"""
        at = datetime.fromtimestamp(self.hour * 3600, UTC)
        folder = model_folder(dataset(journal), self.model) / f"date={at:%Y-%m-%d}" / f"hour={at:%H}"
        return folder / f"{journal}-{base_sequence:016d}-v{self.version}.parquet"


def local_folder(export_url: str, folder: Path) -> Path | None:
    """Where on this host exports go, by the setting: empty is `folder`; None where they go elsewhere."""
    parts = urllib.parse.urlsplit(export_url)
    if not export_url:
        return folder
    return Path(urllib.parse.unquote(parts.path)) if parts.scheme in ("file", "local") else None


def dataset(journal: str) -> str:
    return SHADOW_DATASET if journal == SHADOW_JOURNAL else PREDICTIONS_DATASET


def model_folder(dataset: str, model: str) -> PurePosixPath:
    return PurePosixPath(dataset, f"model={folder_model(model)}")


def folder_model(model: str) -> str:
    """A model's name as a folder may carry it."""
    return model if MODEL_NAME.fullmatch(model) else UNKNOWN_MODEL
