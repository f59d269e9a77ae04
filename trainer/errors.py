"""What the trainer refuses.

TrainerError
├── UnknownSpec       no such spec
└── ExportDisagrees   the exported artifact answers a row otherwise than the model it was made from (also a ValueError)
"""


class TrainerError(Exception):
    """Anything the trainer refuses, with a message for people."""


class UnknownSpec(TrainerError):
    """A name that no spec bears."""


class ExportDisagrees(TrainerError, ValueError):
    """The artifact is not the model: names the first row that shows it."""
