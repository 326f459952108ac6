"""kill -9 of services, workers, Redis and the vector store under eight writers loses and doubles nothing."""

import os
from pathlib import Path

import pytest

from tests.chaos.run import Plan, run
from tests.memory_service.rig import MODEL

SECONDS = 28.0
"""Of starting and writing; what is under way ends, and all converges, after it. `make chaos` is the whole run."""


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_whatever_is_killed_history_and_vectors_are_what_callers_were_told(tmp_path: Path) -> None:
    if not (MODEL / "model.json").exists():
        pytest.skip("the local model is not built: run `make model`")
    seed = int(os.environ.get("MEMORY_CHAOS_SEED", "1"))

    report = await run(Plan(seed, appends=4_000, seconds=SECONDS, patience=120, pace=0.02), tmp_path)

    tally = report.tally
    print(f"seed {seed}: {tally.appends} appends, {report.kills.total()} kills, {report.converged:.1f} s to converge")
    assert not report.faults, f"MEMORY_CHAOS_SEED={seed}: {report.faults[:10]}"
    assert report.kills.total() >= 5
    assert tally.appends >= 100
    assert (report.verdict.orphans, report.verdict.missing) == (0, 0)
