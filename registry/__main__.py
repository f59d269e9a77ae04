"""`python -m registry`: exit 64 for a bad configuration, 1 when the machine does not let it start, 0 after SIGTERM."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence

from gnomon.errors import InvalidInput
from registry.app import CannotStart, build
from registry.config import Config, load

EXIT_USAGE = 64
EXIT_CANNOT_START = 1

log = logging.getLogger("registry")


def main(arguments: Sequence[str]) -> int:
    try:
        config = load(arguments, os.environ)
    except InvalidInput as error:
        print(f"registry: {error}", file=sys.stderr)
        return EXIT_USAGE
    logging.basicConfig(level=config.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    return asyncio.run(run(config))


async def run(config: Config) -> int:
    """Serves until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    app = build(config)
    try:
        endpoint = await app.start()
        log.info("serving on %s from %s", endpoint, config.dir)
        await stopping.wait()
    except CannotStart as error:
        print(f"registry: {error}", file=sys.stderr)
        return EXIT_CANNOT_START
    finally:
        await app.stop()
    log.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
