"""memory-service.

Reads its settings, starts the embedded parts where no address is given, and serves until told to stop.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from memory_service.adapters.definitions import DefinitionFiles
from memory_service.settings import Address, InvalidSettings, Settings

EXIT_BAD_SETTINGS: Final = 2

if TYPE_CHECKING:
    from memory_crd.definitions import Entry

    from memory_service.embedded import Embedded

YOUNG: Final = 20_000
"""New containers between two looks of the collector. Requests make no cycles, so its usual 700 only cost a twentieth of
their CPU."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s %(message)s", stream=sys.stderr
    )
    for name in ("uvicorn", "uvicorn.error", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        settings = Settings.read(sys.argv[1:] if argv is None else argv, os.environ)
        return _run(settings)
    except (InvalidSettings, OSError) as fault:
        print(f"memory-service: {fault}", file=sys.stderr)
        return EXIT_BAD_SETTINGS


def _run(settings: Settings) -> int:
    source = DefinitionFiles(settings.memory)
    if not settings.embedded:
        return _serve(settings, source, None, settings.credentials)
    from memory_service import embedded

    entries = _declared(source, settings.memory)
    parts = embedded.start(
        settings,
        ephemeral_storage=any(entry.spec.storage.use == "in-memory" for entry in entries),
        ephemeral_vectors=any(entry.spec.vector.use == "in-memory" for entry in entries),
    )
    try:
        return _serve(parts.settings, source, parts, settings.credentials)
    finally:
        parts.stop()


def _declared(source: DefinitionFiles, path: str) -> Sequence[Entry]:
    """What a person asked to serve. Raises InvalidSettings unless all of it can be read and there is something."""
    try:
        loaded = source.load()
    except FileNotFoundError as error:
        raise InvalidSettings(
            f"{error}: give --memory a Memory manifest, a memory.json, or a folder of them"
        ) from error
    if loaded.faults:
        faults = "\n  ".join(str(fault) for fault in loaded.faults)
        raise InvalidSettings(f"--memory {path} is not valid:\n  {faults}")
    if not loaded.entries:
        raise InvalidSettings(f"--memory {path} declares no Memory")
    return loaded.entries


def _serve(settings: Settings, source: DefinitionFiles, parts: Embedded | None, api_keys: str | None) -> int:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_main(settings, source, parts, api_keys))


async def _main(settings: Settings, source: DefinitionFiles, parts: Embedded | None, api_keys: str | None) -> int:
    from memory_service.serving import Serving
    from memory_service.web.server import stop_on_signals

    stop = asyncio.Event()
    stop_on_signals(stop)
    api, management = _listen("listen", settings.listen), _listen("management", settings.management)
    serving = Serving.build(settings, source, os.environ, api_keys=api_keys, with_parts=parts is not None)
    gc.collect()
    gc.freeze()  # what is loaded now stays: the collector need not look at it again
    gc.set_threshold(YOUNG)
    supervision = [parts.supervise()] if parts is not None else []
    await serving.run(api, management, stop, supervision)
    return 0


def _listen(option: str, address: Address) -> socket.socket:
    """Raises InvalidSettings, with the option that gives another address."""
    from memory_service.web.server import bind

    try:
        return bind(address)
    except OSError as error:
        raise InvalidSettings(
            f"{error.strerror}: give another HOST:PORT by --{option} or MEMORY_{option.upper()}; port 0 takes any"
        ) from error


if __name__ == "__main__":
    sys.exit(main())
