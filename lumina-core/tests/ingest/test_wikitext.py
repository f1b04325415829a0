from __future__ import annotations

import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lumina_core.ingest.wikitext import parse_wikitext, redirect_target

MARKUP = re.compile(
    r"\{\{|\}\}|\[\[|\]\]|\{\||\|\}|'''|''|(?:^|\s)==+|==+(?:\s|$)|&(?:nbsp|lt|gt|amp|quot|ndash);"
    r"|</?(?:ref|br|sup|sub|div|span|small|math|nowiki|gallery|table|b|i)\b|style\s*=|[\ue000-\ue2ff]",
    re.IGNORECASE | re.MULTILINE,
)


def text_of(wikitext: str) -> str:
    return parse_wikitext(wikitext, title="Page").text


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        # emphasis, links, entities
        ("'''Bold''' and ''italic'' and '''''both'''''.", "Bold and italic and both."),
        ("the ''Titanic'''s bow and l''''Académie'''", "the Titanic's bow and l'Académie"),
        ("[[target|label]]s and [[dog]]s and [[Foo (bar)|]]", "labels and dogs and Foo"),
        ("[[#Part|below]] [[:Category:Cats|cats]] [[:fr:Chat]] [[wikt:cat|cat]]", "below cats Chat cat"),
        ("[https://example.org a site] and [https://example.org]done [//x.org y]", "a site and done y"),
        ("A&nbsp;B &ndash; C &amp; D &lt; E &#91;", "A B – C & D < E ["),
        ("a[[Category:X|key]][[fr:Y]]b [[File:x.jpg|thumb|A [[caption]] of {{lang|fr|mots}}]]c", "ab c"),
        # things that vanish
        ("One<ref>{{cite web|url=x}} [[a]]</ref> two<ref name=a/> three<ref name='b'>x</ref>.", "One two three."),
        ("One <!-- comment [[x]] {{ --> two.", "One two."),
        ("{{About|x}}\n{{Use dmy dates}}\n__NOTOC__\nText.", "Text."),
        ("Text.<gallery>\nFile:x.jpg|Caption\n</gallery>\nMore.", "Text.\n\nMore."),
        ("Before.\n{| style=\"x\"\n|-\n| a || {{b|c}}\n|}\nAfter.", "Before.\n\nAfter."),
        ("{{Infobox x|a={{b|{{c}}}}\n|d=[[e|f]]\n}}Text.", "Text."),
        # gaps are closed
        ("'''X''' ({{IPAc-en|x}}; {{respell|x}}; born 1900) is.", "X (born 1900) is."),
        ("'''X''' ({{IPAc-en|x}}) is, {{citation needed}} , good {{dubious}}.", "X is, good."),
        ("X ( {{IPA|x}} ; ) and ( ) and (or {{IPA|x}}) and (a, {{IPA|x}} , b)", "X and and and (a, b)"),
        # templates that stand for words
        ("{{convert|10|km|mi}} away", "10 km (6.2 mi) away"),
        ("{{convert|5|to|10|ft|m}} and {{convert|5|ft|11|in|m}}", "5 to 10 ft (1.5 to 3.0 m) and 5 ft 11 in (1.80 m)"),
        ("{{convert|652864|km2|sqmi|abbr=on}}", "652,864 km² (252,072 sq mi)"),
        ("{{convert|20|C|F}} {{convert|3|blorp|wibble}}", "20 °C (68 °F) 3 blorp"),
        ("{{lang|fr|mot}} {{nowrap|a b}} {{transl|ar|ALA|kitab}} {{lang-de|Wort}}", "mot a b kitab German: Wort"),
        ("{{birth date|1990|1|2}}; {{birth date and age|df=yes|1990|1|2}}", "January 2, 1990; 2 January 1990"),
        ("{{death date and age|1865|4|15|1809|2|12}}", "April 15, 1865 (aged 56)"),
        ("{{start date|1990|5}} {{end date|1990}}", "May 1990 1990"),
        ("{{frac|3|1|2}} {{frac|2}} {{val|1.2|u=km}} {{US$|100}}", "3 1/2 1/2 1.2 km $100"),
        ("{{circa|1900}} {{c.|1900|1910}} {{abbr|No.|number}} {{sic|teh}} {{sic}}",
         "c. 1900 c. 1900–1910 No. teh [sic]"),
        ("{{as of|2010}} {{as of|2010|5|lc=y}} {{as of|2010|alt=now}}", "As of 2010 as of May 2010 now"),
        ("a{{nbsp}}b{{'}}s{{ndash}}c{{snd}}d {{spaces|2}}e", "a b's–c – d e"),
        ("Said:\n{{quote|To be.|Hamlet}}\nDone.", "Said:\n\nTo be. — Hamlet\n\nDone."),
        ("{{cquote|Text here}}", "Text here"),
        ("{{nihongo|Aikido|合気道|Aikidō}} {{chem|H|2|O}} CO<sub>2</sub>", "Aikido (合気道, Aikidō) H2O CO2"),
        ("10<sup>6</sup> m<sup>2</sup>",
         "10⁶ m²"),
        ("{{hlist|a|b|c}} {{USS|Arizona|BB-39}} {{formatnum:1234567}}", "a, b, c USS Arizona 1,234,567"),
        ("<math>E = mc^2</math> and <math>\\frac{a}{b} \\le \\alpha_{1}</math>", "E = mc^2 and a/b ≤ α_1"),
        ("<math>\\begin{matrix} a \\\\ b \\end{matrix}</math>x", "x"),
        # lists
        ("Intro:\n* one\n* two\n** three\n\nAfter.", "Intro:\none\ntwo\nthree\n\nAfter."),
        ("; Term : meaning\n: indented\n# first", "Term: meaning\nindented\nfirst"),
        ("One line\nand the same paragraph.\n\nAnother.", "One line and the same paragraph.\n\nAnother."),
        ("a<br />b<br>c", "a\nb\nc"),
        ("{{plainlist|\n* a\n* [[b|c]]\n}}", "a\nc"),
        # literal text
        ("<nowiki>[[not a link]] '''</nowiki> x", "[ [not a link] ] ' ' ' x"),
        ("<nowiki />a<nowiki/>b", "ab"),
        # broken wikitext gives its words back
        ("Never closed {{template here\n\nText after.", "Never closed template here\n\nText after."),
        ("{{Infobox x\n| a = b\n| c = d\n\nText after.", "Text after."),
        ("Open [[link and [[good]] text", "Open link and good text"),
        ("Open <ref>ref and text", "Open ref and text"),
        ("Open <!-- comment and text", "Open comment and text"),
        ("Stray }} and ]] and |} here", "Stray and and here"),
        ("One <ref>open\nTwo <ref>closed</ref> three", "One Two three"),
        ("", ""),
    ],
)  # fmt: skip
def test_wikitext_becomes_plain_words(wikitext, text):
    assert text_of(wikitext) == text


PAGE = """{{Infobox settlement
| name = Foo
| image = Foo.jpg
| capital = [[Bar (city)|Bar]]<ref>x</ref>
| leader_title1 = Mayor | leader_name1 = [[Jane Doe]]
| population_estimate = 12,345
| population_estimate_year = 2015
| area_km2 = 652864
| birth_date = {{birth date|1990|1|2}}
| languages = {{hlist|[[French language|French]]|German}}
| website = {{URL|example.org}}
}}
'''Foo''' is a place.

== History ==
=== Early ===
Old [[Baz]].

=== Empty ===
{{Main|Qux}}

== Gallery ==
<gallery>x.jpg</gallery>

== Culture ==
Arts.

== See also ==
* [[Quux]]

== References ==
{{reflist}}
* Smith. [https://x.org y]

=== Notes ===
note

[[Category:Places]]{{Authority control|QID=Q42}}
"""


def test_a_page_has_its_sections_links_categories_and_facts():
    page = parse_wikitext(PAGE, title="Foo")

    assert [(section.heading, section.level, section.path) for section in page.sections] == [
        ("", 1, ()),
        ("Infobox", 2, ("Infobox",)),
        ("History", 2, ("History",)),
        ("Early", 3, ("History", "Early")),
        ("Culture", 2, ("Culture",)),
    ]
    bodies = {section.heading: page.text[section.start : section.end] for section in page.sections}
    assert bodies == {
        "": "Foo is a place.",
        "Infobox": "Capital: Bar.\nMayor: Jane Doe.\nPopulation estimate: 12,345 (2015).\nArea: 652,864 km².\n"
        "Birth date: January 2, 1990.\nLanguages: French, German.",
        "History": "",
        "Early": "Old Baz.",
        "Culture": "Arts.",
    }
    assert page.text.startswith("Foo is a place.\n\nInfobox\n\nCapital: Bar.")
    assert "History\n\nEarly\n\nOld Baz.\n\nCulture\n\nArts." in page.text
    assert page.links == ("Bar (city)", "Jane Doe", "French language", "Baz", "Qux", "Quux")
    assert page.categories == ("Places",)
    assert page.wikidata == "Q42"
    assert page.summary == "Foo is a place."


def test_a_small_regular_table_is_kept_as_lines():
    table = (
        '{| class="wikitable sortable"\n! City !! Population\n|-\n| [[Mobile, Alabama|Mobile]] || 195,111\n|-\n'
        "| align=right | Dothan\n| 65,496\n|}"
    )

    assert text_of(f"Cities:\n{table}\nEnd.") == (
        "Cities:\n\nCity: Mobile; Population: 195,111.\nCity: Dothan; Population: 65,496.\n\nEnd."
    )
    assert text_of(table.replace("| align", "| rowspan=2")) == ""


def test_a_section_of_citations_goes_and_one_of_works_stays():
    citations = "* Smith, J. (1990). Title. Oxford University Press. ISBN 1-23\n* Doe (1991). Other. pp. 3–4\n"
    works = "* Anthem\n* The Fountainhead, her first success\n"

    assert text_of(f"Text.\n== Bibliography ==\n{citations}") == "Text."
    assert text_of(f"Text.\n== Bibliography ==\n{works}").endswith("Anthem\nThe Fountainhead, her first success")


def test_the_summary_ends_with_a_sentence():
    page = parse_wikitext("First sentence. " * 60)

    assert page.summary.endswith("sentence.")
    assert 300 < len(page.summary) <= 400


@pytest.mark.parametrize(
    ("wikitext", "target"),
    [
        ("#REDIRECT [[Foo]]", "Foo"),
        ("  #redirect: [[:Foo bar#Part|label]]", "Foo bar#Part"),
        ("#WEITERLEITUNG [[Ziel]]", "Ziel"),
        ("See #REDIRECT [[Foo]]", None),
        ("#REDIRECT nothing", None),
    ],
)
def test_redirects_are_recognised(wikitext, target):
    assert redirect_target(wikitext) == target


pieces = st.sampled_from(
    "{{ }} {{{ }}} [[ ]] {| |} | || ! !! |- '' ''' ''''' == === = <ref> </ref> <ref/> <!-- --> <nowiki> </nowiki> "
    "<math> </math> <div\tstyle='x'> </div> <gallery> </gallery> [http://x.org ] &nbsp; &lt; &amp;lt; "
    "&#123;&#123; * # : ; <br/> "
    "----\n ( ) , . {{convert|1|km}} {{lang|en|x}} [[File:a|b]] [[Category:c]] {{quote| {{! }} {{!}} {{=}} {{pipe}} "
    "__TOC__ <sup> </sup> <table> </table> {{Infobox|a= [[: #REDIRECT \ue000 \U000f0000 \x00 \u200b".split(" ")
)
wikitexts = st.lists(
    st.one_of(pieces, st.sampled_from(["\n", " ", "\n\n", "word", "=", "'"]), st.text(max_size=5)), max_size=60
).map("".join)


@given(wikitexts)
@settings(max_examples=400, deadline=None)
def test_no_markup_survives_whatever_the_wikitext(wikitext):
    page = parse_wikitext(wikitext, title="Page")

    assert not MARKUP.search(page.text), page.text
    assert "  " not in page.text
    assert "\n\n\n" not in page.text
    assert page.text == page.text.strip()


@given(wikitexts)
@settings(max_examples=150, deadline=None)
def test_sections_lie_in_order_and_headings_outside_of_them(wikitext):
    page = parse_wikitext(wikitext, title="Page")

    position = 0
    for section in page.sections:
        assert position <= section.start <= section.end <= len(page.text)
        if section.heading:
            assert page.text[position : section.start].strip() in (section.heading, "")
            assert section.path[-1] == section.heading
        position = section.end
    assert page.text[position:].strip() == ""


@pytest.mark.parametrize(
    "unit",
    ["{{", "[[", "{{a|", "[[a|", "{|\n", "<ref>", "<!--", "<nowiki>", "'''", "((", "( ;", "<div ", "[http://", "&lt;",
     "==a==\n", "{{lang|en|", "{{{", "}}", "]]", "|}\n", "[[File:", "<math>", " ,", "\n|", "__T", "#", "= ", ". "],
)  # fmt: skip
def test_the_work_grows_with_the_length_and_not_with_its_square(unit):
    """Counted in steps of the interpreter, not by the clock: eight times the text, at most twenty times the steps."""
    small, large = steps(unit * 500 + "x"), steps(unit * 4000 + "x")

    assert large <= 20 * small + 2000


def steps(wikitext: str) -> int:
    import sys

    count = 0

    def trace(frame: object, event: str, argument: object) -> object:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        parse_wikitext(wikitext)
    finally:
        sys.settrace(before)
    return count


def test_letters_are_never_lost_from_plain_text():
    text = string.ascii_letters + " äöü 漢字 עברית"

    assert text_of(text) == text
