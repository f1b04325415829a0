from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lumina_hub.chat.events import pieces


@given(st.text())
def test_the_pieces_joined_are_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text


@given(st.text(min_size=1))
def test_no_piece_is_empty(text: str) -> None:
    assert all(pieces(text))


def test_a_piece_is_a_word_with_the_white_space_after_it() -> None:
    assert list(pieces("It is. [1]\n")) == ["It ", "is. ", "[1]\n"]
