from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lumina_core.drivers.embedders.onnx import OnnxEmbedder
from lumina_core.evaluation.asking import passage_index
from lumina_core.evaluation.squad import Paragraph, Question, SquadSet, load_squad


async def test_every_question_brings_the_rank_of_its_paragraph_among_those_found(
    embedder: OnnxEmbedder, tiny_squad: Path
) -> None:
    squad = load_squad(tiny_squad)
    async with passage_index(squad, embedder) as index:
        for question in squad.questions:
            asked = await index.ask(question)

            holders = [
                next(n for n, one in enumerate(squad.paragraphs) if hit.text in one.text) for hit in asked.result.hits
            ]
            paragraphs = list(dict.fromkeys(holders))
            assert len(holders) > len(paragraphs) == 4, "the long paragraph has several chunks"
            assert asked.rank == paragraphs.index(question.paragraph) + 1
            assert asked.took_s > 0
        by_id = {question.id: question for question in squad.questions}
        end_of_the_long_one = await index.ask(by_id["m1"])

    assert end_of_the_long_one.rank == 1
    assert end_of_the_long_one.result.hits[0].start > 0


async def test_an_article_that_is_forgotten_is_found_no_more(embedder: OnnxEmbedder, tiny_squad: Path) -> None:
    squad = load_squad(tiny_squad)
    # As where the first article of a file has no paragraphs: the numbers do not begin with 0.
    squad = SquadSet(tuple(replace(one, article=one.article + 1) for one in squad.paragraphs), squad.questions)
    seen: list[tuple[int, int]] = []
    async with passage_index(squad, embedder, lambda done, total: seen.append((done, total))) as index:
        await index.forget([2])
        gone = await index.ask(squad.questions[-2])
        kept = await index.ask(squad.questions[0])

    assert seen == [(1, 2), (2, 2)]
    assert gone.rank is None
    assert {hit.title for hit in gone.result.hits} == {"Marrowick harbour"}
    assert gone.result.signals.unknown_terms, "nothing remembered from before"
    assert kept.rank == 1


async def test_paragraphs_without_words_and_articles_of_one_name_do_no_harm(embedder: OnnxEmbedder) -> None:
    paragraphs = (
        Paragraph(0, 0, "Twins", ""),
        Paragraph(0, 1, "Twins", "Wolfram likes quinces."),
        Paragraph(0, 2, "Twins", "  \n\n "),
        Paragraph(1, 0, "Twins", "Wigbert likes\n\nmedlars."),
    )
    questions = (
        Question("1", "What does Wolfram like?", 1, ("quinces",)),
        Question("2", "What does Wigbert like?", 3, ("medlars",)),
    )
    async with passage_index(SquadSet(paragraphs, questions), embedder) as index:
        ranks = [(await index.ask(question)).rank for question in questions]

    assert ranks == [1, 1]
