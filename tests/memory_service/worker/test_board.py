"""What is remembered of the parts of a memory."""

from memory_service.errors import EmbedderUnavailable
from memory_service.worker.board import Board


def test_the_last_known_time_of_an_answer_stays_until_the_part_fails() -> None:
    board = Board()
    board.worked("embedder", 7.5)
    board.worked("embedder")
    assert (board.embedder.status, board.embedder.latency_ms) == ("ok", 7.5)
    board.failed("embedder", EmbedderUnavailable("away"))
    assert board.embedder.latency_ms is None
