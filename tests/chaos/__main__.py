"""`python -m tests.chaos [--appends 20000] [--seed N ...]`: kill -9 of every part under eight writers.

Prints a table of each run; the exit status is 1 when anything was lost, doubled, out of order, orphaned or missing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.chaos.run import Plan, Report, run


def main() -> int:
    """Run the command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--appends", type=int, default=20_000, help="Acknowledged appends at which writing ends.")
    parser.add_argument("--seconds", type=float, default=1_200, help="Writing ends after this at the latest.")
    parser.add_argument("--between", type=float, default=1.5, help="Mean of seconds between two kills.")
    parser.add_argument("--patience", type=float, default=90, help="Seconds to converge after the last answer.")
    parser.add_argument("--seed", type=int, nargs="+", default=[1], help="A run each.")
    parser.add_argument("--server", choices=["valkey", "redis"], default="valkey", help="Which server keeps the log.")
    parser.add_argument("--fsync", choices=["always", "everysec"], default="always", help="When that is synced.")
    parser.add_argument("--freezes", type=float, default=0, help="Share of victims stopped for a while, not killed.")
    parser.add_argument("--keep", type=Path, help="Folder for data and logs, kept; a temporary one if absent.")
    told = parser.parse_args()
    failed = False
    for seed in told.seed:
        plan = Plan(
            seed, appends=told.appends, seconds=told.seconds, between=told.between, patience=told.patience,
            server=told.server, fsync=told.fsync, freezes=told.freezes,
        )  # fmt: skip
        with tempfile.TemporaryDirectory(prefix="chaos-") as temporary:
            folder = Path(temporary) if told.keep is None else told.keep / f"seed-{seed}"
            folder.mkdir(parents=True, exist_ok=True)
            report = asyncio.run(run(plan, folder))
        Console().print(table(report))
        for fault in report.faults[:20]:
            print(f"  FAULT {fault}", file=sys.stderr)
        failed = failed or bool(report.faults)
    return int(failed)


def table(report: Report) -> Table:
    """A run in numbers."""
    tally, verdict = report.tally, report.verdict
    rows = {
        "acknowledged appends": f"{tally.appends}, of all mutations {tally.mutations}",
        "which": ", ".join(f"{kind} {count}" for kind, count in tally.acked.most_common()),
        "writing": f"{report.writing:.1f} s, load {os.getloadavg()[0]:.1f}",
        "killed": ", ".join(f"{kind} {count}" for kind, count in report.kills.most_common()),
        "attempts": f"{tally.attempts}; {', '.join(f'{kind} {count}' for kind, count in tally.statuses.most_common())}",
        "outcome unknown / answers repeated": f"{tally.unknown} / {tally.replayed}",
        "sent twice at once / again later": f"{tally.twins} / {tally.late}",
        "messages and points at the end": f"{verdict.messages} and {verdict.points}",
        "converged": f"{report.converged:.1f} s after the last answer",
        "audit": f"{verdict.orphans} orphans, {verdict.missing} missing",
        "audits meanwhile": "; ".join(report.repairs) or "nothing to repair",
        "faults": str(len(report.faults)),
    }
    shown = Table(title=f"seed {report.plan.seed}, {report.plan.server}, AOF {report.plan.fsync}", show_header=False)
    for name, value in rows.items():
        shown.add_row(name, value)
    return shown


if __name__ == "__main__":
    sys.exit(main())
