"""`gnomon demo`: the main job on real flights, from an empty folder to balanced books. Exits 0 only if all holds."""

import importlib.resources
import shutil
from pathlib import Path
from typing import Annotated

import typer

from gnomon.cli.embedded import Embedded, StartFailed
from gnomon.cli.options import console
from gnomon.cli.policy_file import read_policy
from gnomon.cli.replay import Flights
from gnomon.cli.scenes import DRIFT_TICK_S, Scenes
from gnomon.cli.story import Story, StoryFailed
from gnomon.cli.training import TrainingFailed, write_flights
from gnomon.errors import GnomonError

GATEWAY_FLAGS = (
    "--segment-bytes", str(36 << 20), "--segment-max-age-s", "2", "--drift-tick-s", str(DRIFT_TICK_S),
    "--shadow-max-age-s", "120",
)  # fmt: skip


def _clear(folder: Path) -> None:
    """Makes room for a new run: removes what an earlier one wrote, and nothing else."""
    for name in ("registry", "gateway", "log"):
        shutil.rmtree(folder / name, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)


def tell(folder: Path, story: Story) -> None:
    """The whole story. Raises: StoryFailed, and what its parts raise."""
    policy_text = importlib.resources.files("gnomon.cli").joinpath("demo_policy.toml").read_text()
    (folder / "policy.toml").write_text(policy_text)
    with story.bar("reading 336,776 flights and starting registry and gateway"):
        write_flights(folder / "flights.npz")
        flights = Flights.read(folder / "flights.npz")
        pair = Embedded(folder, gateway_flags=GATEWAY_FLAGS)
    try:
        story.tell(f"registry on {pair.registry}, gateway on {pair.gateway}, metrics on http://{pair.http}/metrics")
        scenes = Scenes(story, pair, flights, read_policy(folder / "policy.toml"))
        try:
            for scene in (
                scenes.first_version, scenes.held_out, scenes.good_version, scenes.broken_version, scenes.slow_version,
                scenes.july, scenes.came_true, scenes.bad_calls, scenes.trace, scenes.books,
            ):  # fmt: skip
                scene()
        finally:
            scenes.close()
    finally:
        clean = pair.stop()
    story.check(clean, "registry and gateway ended as told, journals sealed")


def demo(
    folder: Annotated[Path, typer.Option("--dir", help="Where it works; an earlier run there is removed.")] = Path(
        "demo-data"
    ),
) -> None:
    """Run the main job on real flights; figures in DIR/summary.json. Exits 0 only if every step did what it says."""
    _clear(folder)
    story = Story(console, folder / "summary.json")
    try:
        tell(folder, story)
    except (StoryFailed, StartFailed, TrainingFailed, GnomonError) as error:
        console.print(f"[red]The story broke off:[/red] {error}", highlight=False)
        console.print(f"Logs are in {folder / 'log'} and {folder / 'gateway' / 'log'}.", highlight=False)
        raise typer.Exit(1) from None
    finally:
        story.save()
    console.print(
        f"\nDone in {story.elapsed_s:.0f} s. Figures: {story.path}. Go on with: gnomon up --dir {folder}",
        highlight=False,
    )
