import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.memory_service.rig import Rig
from tests.memory_service.worker.process import Worker

MakeWorker = Callable[..., Worker]


@pytest.fixture
def make_worker(tmp_path: Path) -> Iterator[MakeWorker]:
    """Makes worker processes; whatever still runs at the end is killed."""
    workers: list[Worker] = []

    def make(rig: Rig, **more: Any) -> Worker:
        worker = Worker(rig, tmp_path / f"w{len(workers)}", **more)
        worker.prepare()
        workers.append(worker)
        return worker

    yield make
    for worker in workers:
        if worker.process is not None:
            worker.stop(signal.SIGKILL)
