"""What is known about a wiki's names, and what is collected while one page is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from lumina_core.documents import normalise_title

__all__ = ["PageNotes", "WikiNames"]

_CANONICAL: dict[str, int] = {
    "media": -2, "special": -1, "talk": 1, "user": 2, "user talk": 3, "project": 4, "wikipedia": 4, "wp": 4,
    "project talk": 5, "wikipedia talk": 5, "wt": 5, "file": 6, "image": 6, "file talk": 7, "image talk": 7,
    "mediawiki": 8, "mediawiki talk": 9, "template": 10, "template talk": 11, "help": 12, "help talk": 13,
    "category": 14, "category talk": 15, "portal": 100, "portal talk": 101, "book": 108, "draft": 118, "module": 828,
}  # fmt: skip

_PROJECTS = frozenset(
    "wikt wiktionary s wikisource q wikiquote b wikibooks n wikinews v wikiversity voy wikivoyage species "
    "wikispecies commons c m meta metawikipedia d wikidata w mw mediawikiwiki wmf foundation phab doi hdl "
    "google imdbname imdbtitle rfc iarchive oeis orcid".split()
)

_LANGUAGES = frozenset(
    "aa ab ace ady af ak als am an ang ar arc ary arz as ast av ay az azb ba ban bar bcl be be-x-old bg bh bi bjn bm "
    "bn bo bpy br bs bug bxr ca cbk-zam cdo ce ceb ch chr chy ckb co cr crh cs csb cu cv cy da de diq dsb dv dz ee el "
    "eml en eo es et eu ext fa ff fi fiu-vro fj fo fr frp frr fur fy ga gag gan gd gl glk gn gom got gu gv ha hak haw "
    "he hi hif ho hr hsb ht hu hy ia id ie ig ii ik ilo inh io is it iu ja jam jbo jv ka kaa kab kbd kg ki kk kl km kn "
    "ko koi krc ks ksh ku kv kw ky la lad lb lbe lez lg li lij lmo ln lo lrc lt ltg lv mai map-bms mdf mg mh mhr "
    "mi min "
    "mk ml mn mr mrj ms mt mwl my myv mzn na nah nap nds nds-nl ne new ng nl nn no nov nrm nso nv ny oc olo om "
    "or os pa "
    "pag pam pap pcd pdc pfl pi pih pl pms pnb pnt ps pt qu rm rmy rn ro roa-rup roa-tara ru rue rw sa sah sat sc scn "
    "sco sd se sg sh si simple sk sl sm sn so sq sr srn ss st stq su sv sw szl ta tcy te tet tg th ti tk tl tn to tpi "
    "tr ts tt tum tw ty tyv udm ug uk ur uz ve vec vep vi vls vo wa war wo wuu xal xh xmf yi yo za zea zh zh-classical "
    "zh-min-nan zh-yue zu".split()
)

_QID = re.compile(r"\bQ[1-9][0-9]{0,11}\b")


@dataclass(frozen=True, slots=True)
class WikiNames:
    """Namespace names of one wiki, folded to lower case, with MediaWiki's own English names always included."""

    namespaces: Mapping[str, int]

    @classmethod
    def from_namespaces(cls, names: Mapping[int, str], *, language: str = "") -> Self:
        """Take the `<namespaces>` of a dump; number to name, as they stand there."""
        folded = dict(_CANONICAL)
        folded.update((name.replace("_", " ").lower(), key) for key, name in names.items() if name)
        return cls(folded)

    def namespace(self, prefix: str) -> int:
        """The namespace number a title's prefix names, 0 where it names none."""
        return self.namespaces.get(prefix.replace("_", " ").strip().lower(), 0)

    def is_interwiki(self, prefix: str) -> bool:
        """Whether the prefix (as written) leads to another project."""
        return prefix.strip().lower() in _PROJECTS

    def is_language(self, prefix: str) -> bool:
        """Whether the prefix (as written) leads to the same wiki in another language."""
        return prefix.strip().lower() in _LANGUAGES


@dataclass(slots=True)
class PageNotes:
    """Collected while a page is scanned; dictionaries serve as ordered sets."""

    title: str
    names: WikiNames
    links: dict[str, None] = field(default_factory=dict)
    categories: dict[str, None] = field(default_factory=dict)
    infobox: dict[str, None] = field(default_factory=dict)
    infobox_parts: dict[str, None] = field(default_factory=dict)
    wikidata: str | None = None

    def add_link(self, target: str) -> None:
        """Note a link to an article of this wiki; fragments are cut off, what can be no title is passed over."""
        title = normalise_title(target.partition("#")[0])
        if 0 < len(title) <= 255 and title != self.title and not any(sign in title for sign in "<>[]{}|"):
            self.links.setdefault(title)

    def add_wikidata(self, value: str) -> None:
        """Keep the first Wikidata item id found in a value."""
        if self.wikidata is None and (found := _QID.search(value)):
            self.wikidata = found.group()
