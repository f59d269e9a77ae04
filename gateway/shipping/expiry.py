"""Exported days that a model's log policy keeps no longer."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath

from gateway.shipping.names import PREDICTIONS_DATASET, SHADOW_DATASET, model_folder
from gateway.shipping.stores import Store


def expired_days(store: Store, retentions: Mapping[str, int], now: datetime) -> list[PurePosixPath]:
    """The folders of each model's days that ended more than its seconds ago. Raises: OSError."""
    return [
        folder
        for model, retention_s in retentions.items()
        for dataset in (PREDICTIONS_DATASET, SHADOW_DATASET)
        for folder in store.folders(model_folder(dataset, model))
        if is_expired(folder.name, retention_s, now)
    ]


def is_expired(name: str, retention_s: int, now: datetime) -> bool:
    """Whether a folder `date=2026-01-31` is of a day that ended so long ago. Pure."""
    try:
        day = datetime.strptime(name, "date=%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return False  # not ours
    return day + timedelta(days=1, seconds=retention_s) < now
