"""Articles, search, answers and turns, in memory. Search counts shared words; answers are those a test sets."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from difflib import unified_diff
from itertools import count

from lumina_sdk.contract import (
    AddedArticle,
    ArticleDetail,
    ArticleLinks,
    ArticleRevision,
    ArticleSummary,
    ChatAnswer,
    ChatRequest,
    Hit,
    LinkOut,
    NewArticle,
    NewTurn,
    Outcome,
    SearchRequest,
    TurnDetail,
)
from lumina_sdk.errors import NotFound
from lumina_sdk.testing.clock import FakeClock

__all__ = ["FakeKnowledge"]


@dataclass(slots=True)
class _Article:
    revisions: list[ArticleDetail] = field(default_factory=list)
    relations: dict[str, tuple[str, ...]] = field(default_factory=dict)


class FakeKnowledge:
    """`answers` maps questions to what is answered; a question that is not there is abstained from."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._numbers = count(1)
        self._articles: dict[str, _Article] = {}
        self.answers: dict[str, str] = {}
        self.turns: list[tuple[str, TurnDetail]] = []

    def add(self, owner: str, new: NewArticle) -> AddedArticle:
        source = f"{owner}.{new.source}" if new.source else owner
        article_id = "art_" + hashlib.sha256(f"{source}\n{new.name}".encode()).hexdigest()[:12]
        revision = new.revision or hashlib.sha256(new.text.encode()).hexdigest()
        kept = self._articles.setdefault(article_id, _Article())
        if kept.revisions and kept.revisions[-1].revision == revision:
            return AddedArticle(id=article_id, revision=revision, new=False)
        kept.revisions.append(
            ArticleDetail(
                id=article_id,
                title=new.title,
                url=new.url,
                source=source,
                revision=revision,
                ts=self._clock() if new.ts is None else new.ts,
                wikidata=new.wikidata,
                summary=new.summary or new.text.partition("\n\n")[0],
                fingerprint=hashlib.sha256(" ".join(new.text.split()).encode()).hexdigest(),
                text=new.text,
                links=new.links,
                categories=new.categories,
            )
        )
        return AddedArticle(id=article_id, revision=revision, new=True)

    def article(self, article_id: str, revision: str | None = None) -> ArticleDetail:
        states = self._kept(article_id).revisions
        chosen = [state for state in states if revision in (None, state.revision)]
        if not chosen:
            raise NotFound(f"{article_id} has no revision {revision!r}.")
        return chosen[-1]

    def articles(self, title: str | None) -> list[ArticleSummary]:
        newest = [kept.revisions[-1] for _, kept in sorted(self._articles.items())]
        if title is None:
            return list(newest)
        begin = [one for one in newest if one.title.startswith(title)]
        return sorted(begin, key=lambda one: (one.title != title, one.title))

    def revisions(self, article_id: str) -> tuple[ArticleRevision, ...]:
        states = self._kept(article_id).revisions
        return tuple(
            ArticleRevision(revision=state.revision, ts=state.ts, title=state.title, current=state is states[-1])
            for state in states
        )

    def diff(self, article_id: str, before: str | None, after: str | None) -> tuple[str, str, str]:
        states = [state.revision for state in self._kept(article_id).revisions]
        after = after or states[-1]
        before = before or states[max(0, states.index(after) - 1)]
        old, new = (self.article(article_id, revision).text.splitlines() for revision in (before, after))
        return before, after, "\n".join(unified_diff(old, new, before, after, lineterm=""))

    def restore(self, article_id: str, revision: str) -> None:
        self._kept(article_id).revisions.append(self.article(article_id, revision))

    def delete(self, article_id: str) -> None:
        self._kept(article_id)
        del self._articles[article_id]

    def relate(self, article_id: str, relation: str, targets: tuple[str, ...]) -> None:
        kept = self._kept(article_id)
        kept.relations.pop(relation, None)
        if targets:
            kept.relations[relation] = targets

    def links(self, article_id: str) -> ArticleLinks:
        self._kept(article_id)
        by_title = {kept.revisions[-1].title: one for one, kept in self._articles.items()}
        out = self._outgoing(article_id)
        title = self.article(article_id).title
        into = [
            LinkOut(id=one, title=self.article(one).title, relations=found[title])
            for one in self._articles
            if title in (found := self._outgoing(one))
        ]
        return ArticleLinks(
            article=article_id,
            links_from=tuple(LinkOut(id=by_title.get(to), title=to, relations=how) for to, how in out.items()),
            links_to=tuple(into),
        )

    def search(self, request: SearchRequest) -> tuple[Hit, ...]:
        wanted = _words(request.query)
        hits = [
            Hit(
                chunk_id=f"{article.id}#0",
                article_id=article.id,
                title=article.title,
                section="",
                url=article.url,
                start=0,
                end=len(article.text),
                text=article.text,
                score=len(wanted & _words(f"{article.title} {article.text}")) / len(wanted or {""}),
                contributions={"words": 1.0} if request.explain else None,
            )
            for kept in self._articles.values()
            for article in kept.revisions[-1:]
            if request.source in (None, article.source) and request.article in (None, article.id)
            if (request.since is None or article.ts >= request.since)
            and (request.until is None or article.ts <= request.until)
        ]
        found = sorted((hit for hit in hits if hit.score), key=lambda hit: (-hit.score, hit.chunk_id))
        return tuple(found[: request.limit])

    def ask(self, owner: str, request: ChatRequest) -> ChatAnswer:
        said = self.answers.get(request.query)
        turn = self.remember(
            owner,
            NewTurn(
                session=request.session or f"session-{next(self._numbers)}",
                user=request.query,
                assistant=said or "I do not know.",
                outcome=Outcome.ABSTAINED if said is None else Outcome.ANSWERED,
                confidence=0.0 if said is None else 0.9,
            ),
        )
        return ChatAnswer(
            id=turn.id,
            session=turn.session,
            query=turn.user,
            answer=turn.assistant,
            outcome=turn.outcome,
            confidence=turn.confidence,
            cite_ids=turn.cite_ids,
            citations=(),
            took_ms=0,
        )

    def remember(self, owner: str, new: NewTurn) -> TurnDetail:
        turn = TurnDetail(
            id=f"chat_20250615T150640Z_{next(self._numbers):06x}",
            session=new.session,
            ts=self._clock() if new.ts is None else new.ts,
            user=new.user,
            assistant=new.assistant,
            confidence=new.confidence,
            cite_ids=new.cite_ids,
            outcome=new.outcome,
            query=new.user,
        )
        self.turns.append((owner, turn))
        return turn

    def turn(self, owner: str, turn_id: str) -> TurnDetail:
        for who, turn in self.turns:
            if who == owner and turn.id == turn_id:
                return turn
        raise NotFound(f"There is no turn {turn_id!r}.")

    def mark(self, owner: str, turn_id: str, value: str) -> None:
        turn = self.turn(owner, turn_id)
        self.turns[self.turns.index((owner, turn))] = (owner, turn.model_copy(update={"feedback": value}))

    def turns_of(self, owner: str, session: str | None) -> list[TurnDetail]:
        found = [turn for who, turn in self.turns if who == owner and session in (None, turn.session)]
        if session is not None and not found:
            raise NotFound(f"There is no session {session!r}.")
        return found[::-1]

    def _outgoing(self, article_id: str) -> dict[str, tuple[str, ...]]:
        out: dict[str, tuple[str, ...]] = dict.fromkeys(self.article(article_id).links, ("page_link",))
        for relation, targets in self._articles[article_id].relations.items():
            for title in targets:
                out[title] = (*out.get(title, ()), relation)
        return out

    def _kept(self, article_id: str) -> _Article:
        if article_id not in self._articles:
            raise NotFound(f"There is no article {article_id!r}.")
        return self._articles[article_id]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
