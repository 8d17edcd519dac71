"""Foreign text on a terminal and in HTML: it is shown, and never obeyed."""

from __future__ import annotations

import re
import time
import unicodedata
from html.parser import HTMLParser

import pytest

from cnai_sdk.text import clean, one_line, to_html
from tests.unit.text.hostile import CORPUS

SGR = re.compile(r"\x1b\[[\d;]*m")
every = pytest.mark.parametrize("text", CORPUS.values(), ids=CORPUS.keys())


def obeyed(text: str) -> set[str]:
    """The characters that a terminal or a renderer of text acts on instead of showing them."""
    allowed = "\n\t\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
    kinds = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return {char for char in text if char not in allowed and unicodedata.category(char) in kinds}


class Elements(HTMLParser):
    """Collects what a browser would build."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.depth = 0
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.depth += 1

    def handle_endtag(self, tag: str) -> None:
        self.depth -= 1

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(html: str) -> Elements:
    elements = Elements()
    elements.feed(html)
    elements.close()
    return elements


@every
def test_nothing_is_left_that_a_terminal_obeys(text: str) -> None:
    assert obeyed(clean(text, colours=False)) == set()


@every
def test_with_colours_only_colours_are_left_and_each_is_closed(text: str) -> None:
    shown = clean(text, colours=True)
    assert obeyed(SGR.sub("", shown)) == set()
    codes = SGR.findall(shown)
    assert codes[1::2] == ["\x1b[0m"] * (len(codes) // 2)
    assert len(codes) % 2 == 0


@every
def test_cleaning_what_is_clean_changes_nothing(text: str) -> None:
    for colours in (True, False):
        once = clean(text, colours=colours)
        assert clean(once, colours=colours) == once


@every
def test_colours_change_no_word(text: str) -> None:
    assert SGR.sub("", clean(text, colours=True)) == clean(text, colours=False)


@every
def test_it_can_be_written_as_utf_8(text: str) -> None:
    for shown in (clean(text, colours=True), clean(text, colours=False), to_html(text)):
        assert shown.encode("utf-8", "strict").decode() == shown


@every
def test_html_holds_spans_of_colour_and_nothing_else(text: str) -> None:
    elements = parsed(to_html(text))
    assert {tag for tag, _ in elements.tags} <= {"span"}
    assert elements.depth == 0
    for _, attributes in elements.tags:
        assert set(attributes) <= {"class", "style"}
        assert re.fullmatch(r"(ansi-[a-z-]+ ?)*", attributes.get("class") or "")
        assert re.fullmatch(
            r"((background-)?color: rgb\(\d+,\d+,\d+\);?|font-style: italic)*",
            attributes.get("style") or "",
        )


@every
def test_html_shows_the_words_that_a_terminal_shows(text: str) -> None:
    assert parsed(to_html(text)).text == clean(text, colours=False)


@every
def test_html_can_stand_in_an_attribute(text: str) -> None:
    without_spans = re.sub(r"<[^>]*>", "", to_html(text))
    assert '"' not in without_spans
    assert "'" not in without_spans


@every
def test_one_line_is_one_line(text: str) -> None:
    assert "\n" not in one_line(text)
    assert obeyed(one_line(text)) == set()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("  0%|   \r 50%|██ \r100%|████", "100%|████"),
        ("downloading 99 MB\rdone", "doneloading 99 MB"),
        ("downloading\r\x1b[Kdone", "done"),
        ("\x1b[2K\rdownloading\x1b[2K\rdone", "done"),
        ("ab\x1b[2Kc", "  c"),
        ("abc\b\x1b[1Kx", "  x"),
        ("keep\r\n next", "keep\n next"),
        ("100%\r", "100%"),
        ("abc\b\bX", "aXc"),
        ("\b\bx", "x"),
        ("abcd\r训", "训cd"),
        ("训练\ra", "a 练"),
        ("e\u0301\rx", "x"),
        ("first\nsecond\rSEC", "first\nSECond"),
    ],
)
def test_a_carriage_return_overwrites_as_on_a_terminal(text: str, shown: str) -> None:
    assert clean(text, colours=False) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("invoice\u202egnp.exe", "invoice⟨U+202E⟩gnp.exe"),
        ("pay\u200bpal", "pay⟨U+200B⟩pal"),
        ("x\U000e0041", "x⟨U+E0041⟩"),
        ("a\u2028b", "a⟨U+2028⟩b"),
    ],
)
def test_what_hides_or_reorders_is_named(text: str, shown: str) -> None:
    assert clean(text, colours=False) == shown


@pytest.mark.parametrize("text", ["训练 🚀", "👩‍🔬", "नमस्ते", "می‌خواهم", "naïve", "a\tb", "两\n行"])
def test_honest_text_of_any_script_stays_as_it_is(text: str) -> None:
    assert clean(text, colours=False) == text


def test_a_link_keeps_its_words_and_loses_its_address() -> None:
    assert clean("\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\ here", colours=True) == (
        "click here"
    )


def test_a_link_that_never_ends_hides_nothing_that_follows() -> None:
    assert "evil" in clean("before\x1b]8;;http://evil.example", colours=False)


def test_a_broken_surrogate_is_replaced() -> None:
    assert clean("a\ud83db", colours=False) == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize(
    ("codes", "shown"),
    [
        ("31", "\x1b[31mx\x1b[0m"),
        ("1;4;92", "\x1b[1;4;92mx\x1b[0m"),
        ("38;5;9", "\x1b[91mx\x1b[0m"),
        ("38;5;208", "\x1b[38;2;255;135;0mx\x1b[0m"),
        ("48;2;1;2;3", "\x1b[48;2;1;2;3mx\x1b[0m"),
        ("38:2:1:2:3", "\x1b[38;2;1;2;3mx\x1b[0m"),
        ("31;39", "x"),
        ("1;22", "x"),
        ("5", "x"),
        ("38;5", "x"),
    ],
)
def test_colours_are_kept_in_one_form(codes: str, shown: str) -> None:
    assert clean(f"\x1b[{codes}mx", colours=True) == shown


@pytest.mark.parametrize(
    ("codes", "opening"),
    [
        ("31", '<span class="ansi-red-fg">'),
        ("1;31", '<span class="ansi-red-intense-fg ansi-bold">'),
        ("97;44", '<span class="ansi-white-intense-fg ansi-blue-bg">'),
        ("4", '<span class="ansi-underline">'),
        ("7", '<span class="ansi-default-inverse-fg ansi-default-inverse-bg">'),
        ("7;31", '<span class="ansi-default-inverse-fg ansi-red-bg">'),
        ("38;5;244", '<span style="color: rgb(128,128,128)">'),
        ("3", '<span style="font-style: italic">'),
    ],
)
def test_html_uses_the_classes_of_jupyter(codes: str, opening: str) -> None:
    assert to_html(f"\x1b[{codes}mx").startswith(opening)


@pytest.mark.parametrize(
    "piece",
    ["\x1b", "\x1b[", "\x1b]", "\x9d", "\x1b]8;;", "\r", "\b", "\x1b[K", "\x1bP", "a\r", "训\r",
     "\x1b[31m", "\u0301", "[", "\u202e"],
)  # fmt: skip
def test_eight_times_the_text_takes_nowhere_near_sixty_four_times_as_long(piece: str) -> None:
    few, many = (seconds_for(piece * count) for count in (2_000, 16_000))
    assert many < 30 * few + 0.01


def seconds_for(text: str) -> float:
    """Processor time, the least of three: what else runs on the machine does not count."""
    spent = []
    for _ in range(3):
        before = time.process_time()
        to_html(text)
        spent.append(time.process_time() - before)
    return min(spent)


def test_a_line_that_goes_back_and_one_that_does_not_are_shown_alike() -> None:
    for text in CORPUS.values():
        if "\r" not in text and "\b" not in text and "\x1b[2K" not in text:
            assert to_html(text + "\r") == to_html(text)
