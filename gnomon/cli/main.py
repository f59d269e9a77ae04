"""The `gnomon` command."""

import sys
from typing import cast

import grpc
import typer

from gnomon.cli import drift, journal, log, model, outcomes, rollout, route, shadow
from gnomon.cli.demo import demo
from gnomon.cli.explain import explain
from gnomon.cli.log_policy import log_policy
from gnomon.cli.trace import trace
from gnomon.cli.up import up
from gnomon.errors import GnomonError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Serves ONNX models, casts a shadow of every candidate, and promotes on evidence.",
)  # fmt: skip
model.app.command("log-policy")(log_policy)
route.app.command()(explain)
app.add_typer(model.app, name="model")
app.add_typer(route.app, name="route")
app.add_typer(rollout.app, name="rollout")
app.add_typer(outcomes.app, name="outcomes")
app.add_typer(shadow.app, name="shadow")
app.add_typer(drift.app, name="drift")
app.add_typer(journal.app, name="journal")
app.add_typer(log.app, name="log")
app.command()(trace)
app.command()(up)
app.command()(demo)


def main() -> None:
    """Runs a command; what went wrong is one line on standard error and exit code 1."""
    try:
        app()
    except GnomonError as error:
        sys.exit(f"error: {error}")
    except grpc.RpcError as failure:
        call = cast(grpc.Call, failure)
        sys.exit(f"error: {call.code().name}: {call.details()}")


if __name__ == "__main__":
    main()
