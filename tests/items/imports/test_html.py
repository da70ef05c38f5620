"""The words of HTML: what shops write, and what nobody would."""

from __future__ import annotations

import pytest

from items.imports.html import text_of


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("soft &amp; light", "soft & light"),
        ("3 < 4 and 5 > 4", "3 < 4 and 5 > 4"),
        ("<p>soft &amp;\n light</p>", "soft & light"),
        ("one<br>two<br/>three<BR />four", "one\ntwo\nthree\nfour"),
        ("<ul><li>one<li>two</ul>", "one\ntwo"),
        ("<p>a <b>red</b> one</p><p>a blue</p>", "a red one\n\na blue"),
        ("<a title=\"a > b\" href='x'>a link</a>", "a link"),
        ('<img src="data:image/png;base64,' + "iVBO/+=" * 2_000 + '">a picture', "a picture"),
        ("<!-- a comment <p> --><p>words", "words"),
        ("<style>p > b {}</style><SCRIPT>if (a<b) x()</script >words", "words"),
        ("<style>never ended", ""),
        ("<p>AT&amp;T &lt;br&gt; &#8364;", "AT&T <br> €"),
        ("<![if !mso]>words<![endif]>", "words"),
        ("<![odd[ > ]]>words", "]]>words"),
        ("<? php ?><!DOCTYPE html>words", "words"),
        ("<p>words <b", "words <b"),
        ("<p>words</ >", "words"),
        ("<!-- never ended > words", "words"),
    ],
)
def test_the_words_are_what_a_page_would_show(html: str, words: str) -> None:
    assert text_of(html) == words


@pytest.mark.parametrize("piece", ["<!--", "<a ", "<![CDATA[>", "<a \"'>"])
def test_a_megabyte_of_beginnings_is_gone_through_once(piece: str) -> None:
    assert isinstance(text_of(piece * (1_000_000 // len(piece))), str)
