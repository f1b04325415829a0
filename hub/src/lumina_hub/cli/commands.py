"""Every command, its arguments and its help. What a command does is imported when it runs: `lumina --help` is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lumina_hub.cli.options import Globals, collect, command

__all__ = ["app"]


def _group(sentence: str, *, epilog: str | None = None) -> typer.Typer:
    return typer.Typer(
        help=sentence,
        epilog=epilog,
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        add_completion=False,
    )


app = _group(
    "Lumina: a knowledge base you run yourself, that answers with citations and says when it does not know.",
    epilog="Exit status: 0 done, 1 it ran and failed, 2 it was asked wrongly, 130 stopped by Ctrl-C, 143 by SIGTERM.",
)
graph_app = _group("What the log holds, how it changed, and going back.")
eval_app = _group("Measure retrieval, answers and memory on your own data.")
token_app = _group("API tokens: for programs, each with as much permission as it needs.")
user_app = _group("Users: people who log in with a password.")
app.add_typer(graph_app, name="graph")
app.add_typer(token_app, name="token")
app.add_typer(user_app, name="user")
app.add_typer(eval_app, name="eval")

Question = Annotated[str | None, typer.Argument(help="What you want to know. Without one: a conversation.")]
Session = Annotated[str | None, typer.Option(help="Ask within this session, so that a follow-up is understood.")]
UserName = Annotated[str, typer.Argument(help="The user's name, in lower case.")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
Article = Annotated[str, typer.Argument(help="An article's id (art_…) or its title.")]


@app.callback()
@collect
def _root(said: Globals) -> None:
    pass


@graph_app.callback()
@collect
def _graph(said: Globals) -> None:
    pass


@eval_app.callback()
@collect
def _eval(said: Globals) -> None:
    pass


@token_app.callback()
@collect
def _token(said: Globals) -> None:
    pass


@user_app.callback()
@collect
def _user(said: Globals) -> None:
    pass


@app.command()
@command
def up(
    said: Globals,
    tls_cert: Annotated[Path | None, typer.Option(metavar="FILE", help="Certificate chain, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its private key, PEM.")] = None,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="A proxy in front encrypts: listen beyond loopback without TLS.")
    ] = False,
    log_level: Annotated[str | None, typer.Option(metavar="LEVEL", help="debug, info, warning or error.")] = None,
) -> None:
    """Start Lumina on this home and serve until it is stopped."""
    from lumina_hub.cli.serving import up

    up(said, tls_cert=tls_cert, tls_key=tls_key, behind_proxy=behind_proxy or None, log_level=log_level)


@app.command()
@command
def setup(said: Globals) -> None:
    """Prepare this home: convert the packaged embedding model. `lumina up` does it too, at its first start."""
    from lumina_hub.cli.serving import setup

    setup(said)


@app.command()
@command
def ask(said: Globals, question: Question = None, session: Session = None) -> None:
    """Ask a question and get an answer with its sources and how sure Lumina is."""
    from lumina_hub.cli import asking
    from lumina_hub.cli.running import run

    run(asking.converse(said, session) if question is None else asking.ask(said, question, session))


@app.command()
@command
def search(
    said: Globals,
    query: Annotated[str, typer.Argument(help="What to look for.")],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="How many passages.")] = 10,
    source: Annotated[str | None, typer.Option(help="Only passages of this source.")] = None,
    article: Annotated[str | None, typer.Option(help="Only passages of this article id.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say what each signal added to each score.")] = False,
) -> None:
    """Find passages, best first."""
    from lumina_hub.cli import asking
    from lumina_hub.cli.running import run

    run(asking.search(said, query, limit=limit, source=source, article=article, explain=explain))


@app.command()
@command
def ingest(
    said: Globals,
    source: Annotated[str, typer.Argument(help="A MediaWiki dump, a folder of Markdown, text or HTML, or a URL.")],
    kind: Annotated[str | None, typer.Option(help="What it is, if Lumina should not tell by looking.")] = None,
) -> None:
    """Read a source into the graph and index it. Run again after Ctrl-C, it goes on where it stopped."""
    from lumina_hub.cli import ingesting
    from lumina_hub.cli.running import run

    run(ingesting.ingest(said, source, kind))


@app.command()
@command
def reindex(said: Globals) -> None:
    """Build the index anew from the log alone."""
    from lumina_hub.cli import reindexing
    from lumina_hub.cli.running import run

    run(reindexing.reindex(said))


@app.command()
@command
def status(said: Globals) -> None:
    """Show how the running hub is; exit status 1 where none runs."""
    from lumina_hub.cli import status
    from lumina_hub.cli.running import run

    raise typer.Exit(run(status.status(said)))


@app.command()
@command
def doctor(said: Globals) -> None:
    """Check everything Lumina needs on this machine; exit status 1 if something is missing."""
    from lumina_hub.cli.doctor import doctor

    raise typer.Exit(doctor(said))


@app.command()
@command
def config(said: Globals) -> None:
    """Show every setting: its value, where that came from, and what it does."""
    from lumina_hub.cli import status

    status.config(said)


@app.command()
@command
def audit(
    said: Globals,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many events.")] = 20,
    event: Annotated[str | None, typer.Option(help="Only events of this kind, such as refused.")] = None,
    by: Annotated[str | None, typer.Option(metavar="ID", help="Only what this one did, such as user:ann.")] = None,
) -> None:
    """Show grants, tokens, logins and refusals, newest first."""
    from lumina_hub.cli import audit
    from lumina_hub.cli.running import run

    run(audit.show(said, limit=limit, event=event, by=by))


@app.command()
@command
def version(said: Globals) -> None:
    """Show the installed versions."""
    from lumina_hub.cli import status

    status.version(said)


@graph_app.command("log")
@command
def graph_log(
    said: Globals,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many events.")] = 20,
    kind: Annotated[str | None, typer.Option(help="Only this part of the log: articles, links or recovery.")] = None,
) -> None:
    """Show the latest events, newest first."""
    from lumina_hub.cli import graph
    from lumina_hub.cli.running import run

    run(graph.log(said, limit=limit, kind=kind))


@graph_app.command("diff")
@command
def graph_diff(
    said: Globals,
    article: Article,
    older: Annotated[str | None, typer.Option("--from", metavar="REVISION", help="Default: the one before.")] = None,
    newer: Annotated[str | None, typer.Option("--to", metavar="REVISION", help="Default: the newest.")] = None,
) -> None:
    """Show what changed between two revisions of an article."""
    from lumina_hub.cli import graph
    from lumina_hub.cli.running import run

    run(graph.diff(said, article, older=older, newer=newer))


@graph_app.command("show")
@command
def graph_show(
    said: Globals,
    article: Article,
    revision: Annotated[str | None, typer.Option(help="Default: the newest.")] = None,
) -> None:
    """Show an article's text."""
    from lumina_hub.cli import graph
    from lumina_hub.cli.running import run

    run(graph.show(said, article, revision=revision))


@graph_app.command("restore")
@command
def graph_restore(
    said: Globals,
    name: Annotated[str, typer.Argument(help="A recovery point; or, with a revision, an article's id or title.")],
    revision: Annotated[str | None, typer.Argument(help="The revision the article goes back to.")] = None,
) -> None:
    """Go back to a recovery point, or bring one article back to a revision. Nothing is removed from the log."""
    from lumina_hub.cli import graph
    from lumina_hub.cli.running import run

    run(graph.restore(said, name, revision))


@graph_app.command("points")
@command
def graph_points(said: Globals) -> None:
    """List the recovery points, oldest first."""
    from lumina_hub.cli import graph
    from lumina_hub.cli.running import run

    run(graph.points(said))


@graph_app.command("save")
@command
def graph_save(
    said: Globals, name: Annotated[str, typer.Argument(help="What to call the state as it is now.")]
) -> None:
    """Make a recovery point."""
    from lumina_hub.cli import graph
    from lumina_hub.cli.running import run

    run(graph.save(said, name))


@graph_app.command("export")
@command
def graph_export(
    said: Globals,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Default: stdout.")] = None,
) -> None:
    """Write the whole graph as node-link JSON."""
    from lumina_hub.cli import graph
    from lumina_hub.cli.running import run

    run(graph.export(said, out))


@eval_app.command("retrieval")
@command
def eval_retrieval(
    said: Globals,
    squad: Annotated[Path, typer.Option("--squad", metavar="FILE", help="Questions and paragraphs, SQuAD format.")],
    limit: Annotated[int | None, typer.Option(min=1, help="Sample this many questions.")] = None,
    seed: Annotated[int, typer.Option(help="Of the sample.")] = 0,
    plot: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Draw the reliability of confidence.")] = None,
) -> None:
    """Index the file's paragraphs into a throw-away index, ask its questions, and print how well that went."""
    from lumina_hub.cli import evaluating

    evaluating.retrieval(said, squad, limit=limit, seed=seed, plot=plot)


@eval_app.command("memory")
@command
def eval_memory(
    said: Globals,
    dialogues: Annotated[Path, typer.Argument(metavar="FILE", help="Dialogues and questions, one JSON object a line.")],
) -> None:
    """Remember the file's dialogues in a throw-away memory, ask its questions, and print how well it recalls."""
    from lumina_hub.cli import evaluating

    evaluating.memory(said, dialogues)


@token_app.command("create")
@command
def token_create(
    said: Globals,
    name: Annotated[str, typer.Argument(help="What it is for, for people.")],
    scope: Annotated[list[str], typer.Option(help="What it may do, such as chat; give it once for each.")],
    expires: Annotated[
        str | None, typer.Option(metavar="SPAN", help="When it ends, such as 12h or 30d. Default: never.")
    ] = None,
    client: Annotated[
        bool, typer.Option("--client", help="Its id and secret are also good for POST /oauth/token.")
    ] = False,
) -> None:
    """Make an API token and print it, this once."""
    from lumina_hub.cli import tokens
    from lumina_hub.cli.running import run

    run(tokens.create(said, name, scopes=scope, expires=expires, client=client))


@token_app.command("list")
@command
def token_list(said: Globals) -> None:
    """List API tokens, without their secrets, newest first."""
    from lumina_hub.cli import tokens
    from lumina_hub.cli.running import run

    run(tokens.listing(said))


@token_app.command("revoke")
@command
def token_revoke(said: Globals, id: Annotated[str, typer.Argument(help="As `lumina token list` shows it.")]) -> None:
    """End an API token, and those made with it."""
    from lumina_hub.cli import tokens
    from lumina_hub.cli.running import run

    run(tokens.revoke(said, id))


@token_app.command("rotate-keys")
@command
def token_rotate_keys(said: Globals) -> None:
    """Sign access tokens with a new key from now on. Those signed before stay valid until they end."""
    from lumina_hub.cli import tokens
    from lumina_hub.cli.running import run

    run(tokens.rotate_keys(said))


@user_app.command("add")
@command
def user_add(
    said: Globals,
    name: UserName,
    role: Annotated[str, typer.Option(help="owner, admin, member or viewer.")] = "member",
    password_stdin: FromStdin = False,
) -> None:
    """Add a user; the password is asked for."""
    from lumina_hub.cli import users
    from lumina_hub.cli.running import run

    run(users.add(said, name, role=role, from_stdin=password_stdin))


@user_app.command("list")
@command
def user_list(said: Globals) -> None:
    """List users by name."""
    from lumina_hub.cli import users
    from lumina_hub.cli.running import run

    run(users.listing(said))


@user_app.command("passwd")
@command
def user_passwd(said: Globals, name: UserName, password_stdin: FromStdin = False) -> None:
    """Give a user a new password; every session of the user ends."""
    from lumina_hub.cli import users
    from lumina_hub.cli.running import run

    run(users.passwd(said, name, from_stdin=password_stdin))


@user_app.command("remove")
@command
def user_remove(said: Globals, name: UserName) -> None:
    """Remove a user, with the user's sessions and tokens."""
    from lumina_hub.cli import users
    from lumina_hub.cli.running import run

    run(users.remove(said, name))
