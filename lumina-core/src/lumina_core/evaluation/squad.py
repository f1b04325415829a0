"""Question sets in SQuAD format."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lumina_core.errors import UnreadableSource

__all__ = ["Paragraph", "Question", "SquadSet", "load_squad"]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph; `article` counts the articles of the file from 0, `place` the paragraphs in it."""

    article: int
    place: int
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question written for `paragraph`, an index into `SquadSet.paragraphs`; without `answers` where it has none."""

    id: str
    text: str
    paragraph: int
    answers: tuple[str, ...]

    @property
    def is_impossible(self) -> bool:
        return not self.answers


@dataclass(frozen=True, slots=True)
class SquadSet:
    """The paragraphs and the questions of a file, in its order."""

    paragraphs: tuple[Paragraph, ...]
    questions: tuple[Question, ...]

    def sample(self, limit: int | None, seed: int) -> SquadSet:
        """The same paragraphs with at most `limit` questions, drawn without replacement, in the file's order."""
        if limit is None or limit >= len(self.questions):
            return self
        drawn = random.Random(seed).sample(range(len(self.questions)), limit)  # noqa: S311  a sample, not a secret
        return SquadSet(self.paragraphs, tuple(self.questions[place] for place in sorted(drawn)))


def load_squad(path: Path) -> SquadSet:
    """Read a file in SQuAD 1.1 or 2.0 format.

    Raises:
        UnreadableSource: it is not there, no JSON, or not of that format; the message says where.
    """
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise UnreadableSource(f"cannot read {str(path)!r}: {error.strerror}", hint="Check the path.") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableSource(f"{path.name} is no JSON: {error}", hint=_HINT) from error
    paragraphs: list[Paragraph] = []
    questions: list[Question] = []
    where = "data"
    try:
        for number, article in enumerate(data["data"]):
            where = f"data[{number}]"
            title = str(article.get("title", f"Article {number + 1}")).replace("_", " ")
            for place, paragraph in enumerate(article["paragraphs"]):
                where = f"data[{number}].paragraphs[{place}]"
                paragraphs.append(Paragraph(number, place, title, _text(paragraph["context"])))
                for count, qa in enumerate(paragraph["qas"]):
                    where = f"data[{number}].paragraphs[{place}].qas[{count}]"
                    questions.append(_question(qa, len(paragraphs) - 1))
    except KeyError as error:
        raise UnreadableSource(f"{path.name}, {where}: {error} is missing", hint=_HINT) from error
    except (TypeError, AttributeError, UnicodeEncodeError) as error:
        raise UnreadableSource(f"{path.name}, {where} is of another format: {error}", hint=_HINT) from error
    if not paragraphs or not questions:
        raise UnreadableSource(f"{path.name} holds no paragraphs or no questions", hint=_HINT)
    return SquadSet(tuple(paragraphs), tuple(questions))


_HINT = "A SQuAD file is JSON: data[].paragraphs[].context and .qas[] with question, id and answers[].text."


def _question(qa: dict[str, Any], paragraph: int) -> Question:
    given: Sequence[dict[str, Any]] = [] if qa.get("is_impossible") else qa["answers"]
    answers = dict.fromkeys(_text(answer["text"]) for answer in given)
    return Question(
        str(qa["id"]), _text(qa["question"]), paragraph, tuple(answer for answer in answers if answer.strip())
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text expected, not {value!r:.40}")
    value.encode()  # JSON may hold halves of surrogate pairs, which are no text
    return value
