"""`lumina ask` and `lumina search`."""

from __future__ import annotations

import sys
import textwrap

from rich.markup import escape

from lumina_hub.cli.connection import HubConnection, connect
from lumina_hub.cli.failures import MISUSED, Failure
from lumina_hub.cli.options import Globals
from lumina_hub.cli.output import data, note, print_json, print_raw_json
from lumina_hub.errors import QuestionTooLong
from lumina_sdk.contract import ChatAnswer, Outcome, SearchResponse

__all__ = ["ask", "converse", "search"]

_WORDS = (
    (0.85, "very likely right"),
    (0.65, "likely right"),
    (0.40, "may be right"),
    (0.0, "probably not right"),
)


async def ask(said: Globals, question: str, session: str | None) -> None:
    _must_be_short(said, question)
    async with connect(said) as hub:
        body = await hub.post("/api/v1/chat", {"query": question, "session": session})
    if said.json:
        print_raw_json(body)
    else:
        _show(ChatAnswer.model_validate_json(body))


async def converse(said: Globals, session: str | None) -> None:
    """Ask line by line until the reader ends it; every question may refer to the ones before it."""
    if not is_conversation():
        await _ask_each_line(said, session)
        return
    import readline  # noqa: F401 - lets `input` edit lines and remember them

    note("Ask what you like; a question may refer to the one before. An empty line or Ctrl-D ends it.")
    async with connect(said) as hub:
        while question := _read_question():
            try:
                answer = await _answer(hub, question, session)
            except Failure as failure:
                note(failure.message if failure.hint is None else f"{failure.message} {failure.hint}")
                continue
            session = answer.session
            _show(answer)
            data().print()


async def search(
    said: Globals, query: str, *, limit: int, source: str | None, article: str | None, explain: bool
) -> None:
    asked = {"query": query, "limit": limit, "source": source, "article": article, "explain": explain}
    async with connect(said) as hub:
        body = await hub.post("/api/v1/search", asked)
    if said.json:
        print_raw_json(body)
        return
    found = SearchResponse.model_validate_json(body)
    if not found.hits:
        data().print("Nothing found.")
    for place, hit in enumerate(found.hits, start=1):
        data().print(
            f"[bold]{place}. {escape(_where(hit.title, hit.section))}[/]  [dim]{hit.score:.3f}  {hit.chunk_id}[/]"
        )
        data().print(escape(textwrap.shorten(hit.text, 300, placeholder=" …")))
        if hit.contributions:
            data().print(
                "[dim]" + "  ".join(f"{name} {value:+.3f}" for name, value in hit.contributions.items()) + "[/]"
            )
        if hit.url:
            data().print(f"[blue]{escape(hit.url)}[/]")
        data().print()


def _must_be_short(said: Globals, question: str) -> None:
    """A hub closes the connection on a far too long request, and its reason may never be read: it is said here."""
    limit = said.settings().max_question_chars
    if len(question) > limit:
        raise QuestionTooLong(len(question), limit)


def is_conversation() -> bool:
    """Whether somebody sits at a terminal."""
    return sys.stdin.isatty()


async def _ask_each_line(said: Globals, session: str | None) -> None:
    """What `lumina ask` does with a pipe: one question a line, one session for all, one answer (JSON: a line) each."""
    questions = [line.strip() for line in sys.stdin if line.strip()]
    if not questions:
        raise Failure("There is no question.", hint='Ask one: lumina ask "What is Lumina?"', status=MISUSED)
    for question in questions:
        _must_be_short(said, question)
    async with connect(said) as hub:
        for question in questions:
            answer = await _answer(hub, question, session)
            session = answer.session
            if said.json:
                print_json(answer.model_dump(mode="json"), indent=None)
            else:
                data().print(f"[bold]{escape(question)}[/]")
                _show(answer)
                data().print()


async def _answer(hub: HubConnection, question: str, session: str | None) -> ChatAnswer:
    return ChatAnswer.model_validate_json(await hub.post("/api/v1/chat", {"query": question, "session": session}))


def _read_question() -> str:
    try:
        return input("? ").strip()
    except EOFError:
        sys.stdout.write("\n")
        return ""


def _show(answer: ChatAnswer) -> None:
    out = data()
    out.print(answer.answer, markup=False)
    if answer.citations:
        out.print()
    for citation in answer.citations:
        out.print(f"[dim]\\[{citation.marker}][/] {escape(_where(citation.title, citation.section))}", end="")
        out.print(f"  [blue]{escape(citation.url)}[/]" if citation.url else "")
    out.print()
    words = "" if answer.outcome is Outcome.ABSTAINED else f" ({in_words(answer.confidence)})"
    out.print(f"[dim]{_outcome(answer)} · confidence {answer.confidence:.2f}{words}[/]")


def _outcome(answer: ChatAnswer) -> str:
    match answer.outcome:
        case Outcome.ANSWERED:
            return "answered"
        case Outcome.PARTIAL:
            return "answered in part"
        case Outcome.ABSTAINED:
            return "not answered: Lumina does not know"


def in_words(confidence: float) -> str:
    """A probability of being right, said in words."""
    return next(words for least, words in _WORDS if confidence >= least)


def _where(title: str, section: str) -> str:
    return f"{title} › {section}" if section else title
