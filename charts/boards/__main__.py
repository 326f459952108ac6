"""`make dashboards`: write the Grafana boards into the chart."""

from __future__ import annotations

from pathlib import Path

from charts.boards import board, health

BOARDS = (health.BOARD,)
TARGET = Path(__file__).resolve().parents[1] / "memory-platform" / "dashboards"


def files() -> dict[Path, str]:
    """Every board's file, named by its uid, with the text that it should have."""
    return {TARGET / f"{each.uid}.json": board.render(each) for each in BOARDS}


def main() -> None:
    """Write the boards."""
    TARGET.mkdir(exist_ok=True)
    for path, text in files().items():
        path.write_text(text)
        print(f"wrote {path.relative_to(TARGET.parents[2])}")


if __name__ == "__main__":
    main()
