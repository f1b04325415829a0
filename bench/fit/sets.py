"""The two question sets of the fit, in one form: articles, and questions that know which chunks hold their answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.ingest import DUMP

from lumina_core.documents import Article, Chunk, ChunkId, Section, article_id, fingerprint
from lumina_core.evaluation.measures import holds_answer
from lumina_core.evaluation.squad import load_squad
from lumina_core.ingest.source import open_source
from lumina_core.text.chunking import chunk_article

__all__ = ["SEARCHES", "SLICE", "Case", "QuestionSet", "beside_the_text", "searches"]

SLICE = DUMP.with_name("squad2-train-slice.json")
SEARCHES = Path(__file__).parents[1] / "questions" / "excerpt-searches.jsonl"


@dataclass(frozen=True, slots=True)
class Case:
    """A question about `article`, a place in `QuestionSet.articles`. `gold` are the chunks that hold an answer; without
    `answers`, the article does not answer it."""

    question: str
    article: int
    answers: tuple[str, ...]
    gold: frozenset[ChunkId]

    @property
    def is_impossible(self) -> bool:
        return not self.answers


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """`chunks` are those of each article that are indexed."""

    name: str
    articles: tuple[Article, ...]
    chunks: tuple[tuple[Chunk, ...], ...]
    cases: tuple[Case, ...]


def beside_the_text(path: Path = SLICE) -> QuestionSet:
    """A file in SQuAD format: each paragraph a section, as `lumina eval retrieval` has it."""
    squad = load_squad(path)
    articles: list[Article] = []
    chunks: list[tuple[Chunk, ...]] = []
    places: list[tuple[int, Section]] = []
    for number in sorted({paragraph.article for paragraph in squad.paragraphs}):
        members = [paragraph for paragraph in squad.paragraphs if paragraph.article == number]
        text, sections = "", []
        for paragraph in members:
            sections.append(Section("", 1, (), len(text), len(text) + len(paragraph.text)))
            text += paragraph.text + "\n\n"
        article = _article("squad", members[0].title, text, tuple(sections))
        places += [(len(articles), section) for section in sections]
        articles.append(article)
        chunks.append(chunk_article(article))
    cases = []
    for question in squad.questions:
        number, section = places[question.paragraph]
        gold = frozenset(chunk.id for chunk in chunks[number] if section.start <= chunk.start < section.end)
        cases.append(Case(question.text, number, question.answers, gold))
    return QuestionSet("beside the text", tuple(articles), tuple(chunks), tuple(cases))


def searches(dump: Path = DUMP, path: Path = SEARCHES, *, per_article: int = 10) -> QuestionSet:
    """Our own search queries over the Wikipedia excerpt. A chunk of the right article counts where one of its sentences
    holds an answer and, if the query names some, one of the words it must stand beside. Indexed are all chunks that
    answer something, each article's first one, and others at equal distances up to `per_article`."""
    items = open_source(str(dump), None).items(known=lambda *_: False)
    articles = tuple(item for item in items if isinstance(item, Article))
    numbers = {article.title: number for number, article in enumerate(articles)}
    chunks = [chunk_article(article) for article in articles]
    cases = []
    for line in path.read_text(encoding="utf-8").splitlines():
        raw = json.loads(line)
        number = numbers[raw["title"]]
        answers = tuple(raw["answers"])
        gold = frozenset(chunk.id for chunk in chunks[number] if _answers(chunk, answers, raw.get("beside", [""])))
        if not gold:
            raise ValueError(f"{path.name}: no chunk of {raw['title']!r} answers {raw['question']!r} with {answers}")
        cases.append(Case(raw["question"], number, answers, gold))
    wanted = frozenset().union(*(case.gold for case in cases))
    return QuestionSet("searches", articles, tuple(_kept(each, wanted, per_article) for each in chunks), tuple(cases))


def _answers(chunk: Chunk, answers: tuple[str, ...], beside: Sequence[str]) -> bool:
    sentences = [chunk.text[start:end] for start, end in chunk.sentences]
    return any(holds_answer(sentence, answers) and holds_answer(sentence, beside) for sentence in sentences)


def _kept(chunks: Sequence[Chunk], wanted: frozenset[ChunkId], count: int) -> tuple[Chunk, ...]:
    kept = {place for place, chunk in enumerate(chunks) if place == 0 or chunk.id in wanted}
    rest = [place for place in range(len(chunks)) if place not in kept]
    more = min(max(0, count - len(kept)), len(rest))
    kept |= {rest[number * len(rest) // more] for number in range(more)}
    return tuple(chunks[place] for place in sorted(kept))


def _article(source: str, title: str, text: str, sections: tuple[Section, ...]) -> Article:
    made = Article(
        id=article_id(source, title),
        title=title,
        url="",
        source=source,
        revision="1",
        ts=0.0,
        text=text,
        summary="",
        fingerprint=fingerprint(text),
    )
    return replace(made, sections=sections)
