"""A folder (or one file) of Markdown, plain text and HTML."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Self
from urllib.parse import unquote, urlsplit

from lumina_core.documents import Article, article_id, fingerprint, normalise_title
from lumina_core.errors import UnreadableSource
from lumina_core.ingest.blocks import Block, assemble, summarise
from lumina_core.ingest.encodings import Undecodable, decode
from lumina_core.ingest.html import html_title, read_html
from lumina_core.ingest.markdown import markdown_title, read_markdown
from lumina_core.ingest.source import Item, Known, Skipped, Unchanged, never_known

__all__ = ["MAX_FILE_BYTES", "Folder"]

MAX_FILE_BYTES = 20 << 20
"""Larger files are reported and passed over."""

_MARKDOWN = frozenset({".md", ".markdown", ".mdown", ".mkd"})
_TEXT = frozenset({".txt", ".text"})
_HTML = frozenset({".html", ".htm", ".xhtml"})
_SUFFIXES = _MARKDOWN | _TEXT | _HTML
_IGNORED = frozenset({"node_modules", "__pycache__", "venv", "site-packages", "lost+found"})
_REVISION_DIGITS = 16
_PARAGRAPH = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")


class Folder:
    """Documents under a folder, in the order of their paths. Hidden folders and those of tools are passed over.

    An article's name is its path relative to the folder, so it keeps its id when its title changes.
    """

    def __init__(self, path: Path, *, name: str | None = None) -> None:
        """Look through the folder.

        Args:
            path: A folder, or a single file; a file counts as the only one read of the folder it lies in.
            name: What `Article.source` says; the folder's `file:` URL unless given. Ids depend on it.
        """
        try:
            resolved = path.resolve(strict=True)
        except (OSError, RuntimeError) as error:
            raise UnreadableSource(f"cannot read {str(path)!r}: {error}", hint="Check the path.") from error
        self._root = resolved if resolved.is_dir() else resolved.parent
        self._files = _files(resolved) if resolved.is_dir() else [resolved]
        self._name = name or self._root.as_uri()
        self._titles: dict[Path, str] = {}
        self.total_bytes = sum(_size(file) for file in self._files)
        self.position_bytes = 0

    @classmethod
    def accepts(cls, spec: str) -> bool:
        path = Path(spec)
        try:
            return path.is_dir() or (path.is_file() and path.suffix.lower() in _SUFFIXES)
        except (OSError, ValueError):
            return False

    @classmethod
    def open(cls, spec: str, *, allow_private: bool = False) -> Self:
        return cls(Path(spec))

    @property
    def name(self) -> str:
        return self._name

    def items(self, *, known: Known = never_known) -> Iterator[Item]:
        self.position_bytes = 0
        if not self._files:
            raise UnreadableSource(
                f"there is no Markdown, text or HTML under {str(self._root)!r}",
                hint="Files must end in .md, .txt or .html; hidden folders are not looked into.",
            )
        for file in self._files:
            yield self._item(file, known)
            self.position_bytes += _size(file)

    def _item(self, file: Path, known: Known) -> Item:
        name = file.relative_to(self._root).as_posix() if file.is_relative_to(self._root) else file.as_posix()
        try:
            stat = file.stat()
            if stat.st_size > MAX_FILE_BYTES:
                return Skipped(name, f"it is {stat.st_size / (1 << 20):.0f} MiB long, over the limit of 20 MiB")
            data = file.read_bytes()
        except OSError as error:
            return Skipped(name, f"it cannot be read: {error.strerror or error}")
        try:
            text = decode(data, is_html=file.suffix.lower() in _HTML)
        except Undecodable as error:
            return Skipped(name, str(error))
        title = _title(file, text)
        revision = hashlib.sha256(data).hexdigest()[:_REVISION_DIGITS]
        if known(self._name, title, revision):
            return Unchanged(title)
        try:
            article = self._parsed(file, name, title, text)
        except Exception as error:  # one bad file never ends a run
            return Skipped(name, f"it could not be parsed: {type(error).__name__}: {error}")
        if not article.text:
            return Skipped(name, "there is no text in it")
        return replace(article, revision=revision, ts=stat.st_mtime, fingerprint=fingerprint(article.text))

    def _parsed(self, file: Path, name: str, title: str, text: str) -> Article:
        suffix = file.suffix.lower()
        categories: tuple[str, ...] = ()
        links: tuple[str, ...] = ()
        if suffix in _MARKDOWN:
            page = read_markdown(text, title=title)
            blocks, links, categories = page.blocks, page.links, page.tags
        elif suffix in _HTML:
            html = read_html(text)
            blocks, links = html.blocks, html.links
        else:
            blocks = [Block("", 1, _paragraphs(text))]
        plain, sections = assemble(blocks)
        return Article(
            id=article_id(self._name, name),
            title=title,
            url=file.as_uri(),
            source=self._name,
            revision="",
            ts=0.0,
            text=plain,
            summary=summarise(plain, sections),
            fingerprint="",
            sections=sections,
            links=tuple(dict.fromkeys(target for link in links if (target := self._target(file, link)))),
            categories=categories,
        )

    def _target(self, file: Path, link: str) -> str | None:
        """The title of the document a link leads to, where it is one of this folder's."""
        if link.startswith("[["):
            return normalise_title(link[2:]) or None
        parts = urlsplit(link)
        if parts.scheme or parts.netloc or not parts.path:
            return None
        relative = unquote(parts.path)
        base = self._root if relative.startswith("/") else file.parent
        target = Path(os.path.normpath(base / PurePosixPath(relative.lstrip("/"))))
        if not target.is_relative_to(self._root) or target == file:
            return None
        for candidate in (target, target.with_name(target.name + ".md"), target / "index.md", target / "README.md"):
            if candidate.suffix.lower() in _SUFFIXES and candidate.is_file():
                return self._title_of(candidate)
        return None

    def _title_of(self, file: Path) -> str | None:
        if file not in self._titles:
            try:
                if _size(file) > MAX_FILE_BYTES:
                    return None
                self._titles[file] = _title(file, decode(file.read_bytes(), is_html=file.suffix.lower() in _HTML))
            except (OSError, Undecodable):
                return None
        return self._titles[file]


def _title(file: Path, text: str) -> str:
    suffix = file.suffix.lower()
    found = markdown_title(text) if suffix in _MARKDOWN else html_title(text) if suffix in _HTML else None
    return normalise_title(found or "")[:300] or normalise_title(file.stem) or file.name


def _paragraphs(text: str) -> list[str]:
    paragraphs = ("\n".join(line.rstrip() for line in part.split("\n")).strip() for part in _PARAGRAPH.split(text))
    return [paragraph for paragraph in paragraphs if paragraph]


def _files(root: Path) -> list[Path]:
    """Files to read, sorted. Links are followed, but no folder is entered twice."""
    found: list[Path] = []
    entered: set[tuple[int, int]] = set()
    for folder, subfolders, files in os.walk(root, followlinks=True):
        try:
            stat = Path(folder).stat()
        except OSError:
            subfolders.clear()
            continue
        if (stat.st_dev, stat.st_ino) in entered:
            subfolders.clear()
            continue
        entered.add((stat.st_dev, stat.st_ino))
        subfolders[:] = sorted(name for name in subfolders if not name.startswith(".") and name not in _IGNORED)
        found += (
            Path(folder, name)
            for name in files
            if not name.startswith(".") and Path(name).suffix.lower() in _SUFFIXES and Path(folder, name).is_file()
        )
    return sorted(found)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
