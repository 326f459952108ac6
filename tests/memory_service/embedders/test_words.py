"""BM25 vectors of texts and questions."""

import pytest
from memory_service.adapters.embedders import words


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("refunds", "Please refund my order"),
        ("4471", "Ticket 4471 is open"),
        ("绿茶", "我喜欢喝绿茶，不喜欢咖啡"),
        ("München", "Überweisung nach münchen"),
    ],
)
def test_a_question_and_a_text_that_share_a_word_share_a_dimension(question: str, text: str) -> None:
    assert set(words.question(question).indices) & set(words.document(text).indices)


@pytest.mark.parametrize("text", ["", "the", "what is it?", "!!!", "🙂"])
def test_texts_without_indexable_words_have_an_empty_vector(text: str) -> None:
    assert words.question(text).indices == ()


def test_dimensions_of_a_vector_are_unique_and_weights_positive() -> None:
    vector = words.document("order order order refund 绿茶绿茶")
    assert len(set(vector.indices)) == len(vector.indices) == len(vector.values)
    assert min(vector.values) > 0
