"""How good a model is on rows it never saw."""

from typing import Any

from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from trainer.data import Table


def evaluate(model: Any, table: Table) -> dict[str, float]:
    """AUC, log loss, Brier score and number of rows, from the model's probability of label 1."""
    score = model.predict_proba(table.features)[:, 1]
    return {
        "auc": float(roc_auc_score(table.label, score)),
        "log_loss": float(log_loss(table.label, score, labels=[0, 1])),
        "brier": float(brier_score_loss(table.label, score)),
        "rows": float(len(table.label)),
    }
