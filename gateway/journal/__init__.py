"""The journal: the append-only record of predictions a worker writes (docs/formats/journal.md)."""
