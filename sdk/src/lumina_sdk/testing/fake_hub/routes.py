"""The fake hub's routes for knowledge, the engine, and itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response, StreamingResponse

from lumina_sdk.contract import (
    AddArticles,
    ArticleDetail,
    ArticleDiff,
    ArticleLinks,
    ArticleRevisions,
    Articles,
    ArticlesAdded,
    ChatDelta,
    ChatRequest,
    ChatStart,
    EngineInfo,
    Feedback,
    FeedbackRequest,
    FinishReason,
    Generated,
    GenerateDelta,
    GenerateRequest,
    ModuleDetail,
    Modules,
    NewTurn,
    PrincipalInfo,
    PutLinks,
    RestoreArticleRequest,
    RestoreResult,
    Scope,
    SearchRequest,
    SearchResponse,
    Session,
    Sessions,
    Status,
    TurnDetail,
    Turns,
)
from lumina_sdk.errors import NotFound
from lumina_sdk.testing.fake_hub.access import Anybody, FakePrincipal, needs

if TYPE_CHECKING:
    from lumina_sdk.testing.fake_hub.hub import FakeHub

__all__ = ["router"]

router = APIRouter()
Searching = Annotated[FakePrincipal, needs(Scope.READ_VECTOR_STORE)]
Asking = Annotated[FakePrincipal, needs(Scope.CHAT)]
GraphRead = Annotated[FakePrincipal, needs(Scope.READ_GRAPH)]
GraphWrite = Annotated[FakePrincipal, needs(Scope.WRITE_GRAPH)]
HistoryRead = Annotated[FakePrincipal, needs(Scope.READ_CHAT_HISTORY)]
HistoryWrite = Annotated[FakePrincipal, needs(Scope.WRITE_CHAT_HISTORY)]
Generating = Annotated[FakePrincipal, needs(Scope.USE_LLM)]
ModulesRead = Annotated[FakePrincipal, needs(Scope.READ_MODULES)]
MetricsRead = Annotated[FakePrincipal, needs(Scope.READ_METRICS)]
_ARTICLE = "/api/v1/graph/articles/{article_id}"


def _hub(request: Request) -> FakeHub:
    hub: FakeHub = request.app.state.hub
    return hub


def _events(*events: tuple[str, BaseModel]) -> StreamingResponse:
    async def sent() -> AsyncIterator[bytes]:
        for name, data in events:
            yield f"event: {name}\ndata: {data.model_dump_json()}\n\n".encode()

    return StreamingResponse(sent(), media_type="text/event-stream")


def _pieces(text: str) -> list[str]:
    return [word + " " for word in text.split(" ")[:-1]] + text.split(" ")[-1:]


@router.post("/api/v1/search")
async def search(body: SearchRequest, principal: Searching, request: Request) -> SearchResponse:
    return SearchResponse(query=body.query, hits=_hub(request).knowledge.search(body), took_ms=0)


@router.post("/api/v1/chat")
async def chat(body: ChatRequest, principal: Asking, request: Request) -> Response:
    answer = _hub(request).knowledge.ask(principal.id, body)
    if not body.stream:
        return JSONResponse(answer.model_dump(mode="json"))
    deltas = [("delta", ChatDelta(text=piece)) for piece in _pieces(answer.answer)]
    return _events(("start", ChatStart(id=answer.id, session=answer.session)), *deltas, ("done", answer))


@router.get("/api/v1/chat/sessions")
async def sessions(principal: HistoryRead, request: Request, limit: int = 100) -> Sessions:
    found: dict[str, Any] = {}
    for turn in _hub(request).knowledge.turns_of(principal.id, None):
        found.setdefault(turn.session, []).append(turn)
    return Sessions(
        sessions=tuple(
            Session(id=name, title=of[-1].user, turns=len(of), started_at=of[-1].ts, last_at=of[0].ts)
            for name, of in list(found.items())[:limit]
        )
    )


@router.get("/api/v1/chat/turns")
async def turns(
    principal: HistoryRead, request: Request, session: str | None = None, limit: int = 50, before: str | None = None
) -> Turns:
    found = _hub(request).knowledge.turns_of(principal.id, session)
    begin = 1 + [turn.id for turn in found].index(before) if before else 0
    page = found[begin : begin + limit]
    return Turns(turns=tuple(page), before=page[-1].id if len(found) > begin + limit else None)


@router.post("/api/v1/chat/turns", status_code=201)
async def add_turn(body: NewTurn, principal: HistoryWrite, request: Request) -> TurnDetail:
    return _hub(request).knowledge.remember(principal.id, body)


@router.get("/api/v1/chat/turns/{turn_id}")
async def read_turn(turn_id: str, principal: HistoryRead, request: Request) -> TurnDetail:
    return _hub(request).knowledge.turn(principal.id, turn_id)


@router.post("/api/v1/chat/turns/{turn_id}/feedback")
async def mark_turn(turn_id: str, body: FeedbackRequest, principal: HistoryWrite, request: Request) -> Feedback:
    _hub(request).knowledge.mark(principal.id, turn_id, body.value)
    return Feedback(turn=turn_id, value=body.value, ts=_hub(request).clock())


@router.get("/api/v1/graph/articles")
async def articles(
    principal: GraphRead, request: Request, title: str | None = None, limit: int = 50, after: str | None = None
) -> Articles:
    found = _hub(request).knowledge.articles(title)
    begin = 1 + [one.id for one in found].index(after) if after else 0
    page = found[begin : begin + limit]
    return Articles(articles=tuple(page), after=page[-1].id if len(found) > begin + limit else None)


@router.post("/api/v1/graph/articles")
async def add_articles(body: AddArticles, principal: GraphWrite, request: Request) -> ArticlesAdded:
    knowledge = _hub(request).knowledge
    return ArticlesAdded(articles=tuple(knowledge.add(principal.id, article) for article in body.articles))


@router.get(_ARTICLE)
async def article(
    article_id: str, principal: GraphRead, request: Request, revision: str | None = None
) -> ArticleDetail:
    return _hub(request).knowledge.article(article_id, revision)


@router.delete(_ARTICLE, status_code=204)
async def delete_article(article_id: str, principal: GraphWrite, request: Request) -> None:
    _hub(request).knowledge.delete(article_id)


@router.get(_ARTICLE + "/revisions")
async def revisions(article_id: str, principal: GraphRead, request: Request) -> ArticleRevisions:
    return ArticleRevisions(article=article_id, revisions=_hub(request).knowledge.revisions(article_id))


@router.get(_ARTICLE + "/links")
async def links(article_id: str, principal: GraphRead, request: Request) -> ArticleLinks:
    return _hub(request).knowledge.links(article_id)


@router.put(_ARTICLE + "/links", status_code=204)
async def put_links(article_id: str, body: PutLinks, principal: GraphWrite, request: Request) -> None:
    _hub(request).knowledge.relate(article_id, body.relation, body.targets)


@router.get(_ARTICLE + "/diff")
async def diff(
    article_id: str,
    principal: GraphRead,
    request: Request,
    before: Annotated[str | None, Query(alias="from")] = None,
    after: Annotated[str | None, Query(alias="to")] = None,
) -> ArticleDiff:
    old, new, text = _hub(request).knowledge.diff(article_id, before, after)
    return ArticleDiff(article=article_id, from_revision=old, to_revision=new, diff=text)


@router.post(_ARTICLE + "/restore")
async def restore(
    article_id: str, body: RestoreArticleRequest, principal: GraphWrite, request: Request
) -> RestoreResult:
    _hub(request).knowledge.restore(article_id, body.revision)
    return RestoreResult(restored=1)


@router.get("/api/v1/engine")
async def engine(principal: Generating) -> EngineInfo:
    return EngineInfo(driver="fake", model="fake", streaming=True)


@router.post("/api/v1/engine/generate")
async def generate(body: GenerateRequest, principal: Generating, request: Request) -> Response:
    said = _hub(request).say(body.messages[-1].content)
    words = said.split()
    text = " ".join(words[: body.max_tokens])
    made = Generated(
        text=text,
        model="fake",
        finish_reason=FinishReason.LENGTH if len(words) > body.max_tokens else FinishReason.STOP,
        prompt_tokens=sum(len(message.content.split()) for message in body.messages),
        completion_tokens=min(len(words), body.max_tokens),
        took_ms=0,
    )
    if not body.stream:
        return JSONResponse(made.model_dump(mode="json"))
    return _events(*[("delta", GenerateDelta(text=piece)) for piece in _pieces(text)], ("done", made))


@router.get("/api/v1/me")
async def me(principal: Anybody) -> PrincipalInfo:
    kind: Any = principal.id.partition(":")[0]
    return PrincipalInfo(id=principal.id, kind=kind, scopes=tuple(principal.scopes))


@router.get("/api/v1/modules")
async def modules(principal: ModulesRead, request: Request) -> Modules:
    return Modules(modules=tuple(_hub(request).modules.values()))


@router.get("/api/v1/modules/{name}")
async def module(name: str, principal: ModulesRead, request: Request) -> ModuleDetail:
    if name not in _hub(request).modules:
        raise NotFound(f"There is no module {name!r}.")
    return _hub(request).modules[name]


@router.get("/api/v1/status")
async def status(principal: MetricsRead, request: Request) -> Status:
    knowledge = _hub(request).knowledge
    count = len(knowledge.articles(None))
    return Status(
        version="0",
        uptime_s=0,
        home="",
        articles=count,
        redirects=0,
        links=0,
        chunks=count,
        turns=len(knowledge.turns),
        index=None,
        redis=None,
        embedder=None,
        indexer=None,
    )
