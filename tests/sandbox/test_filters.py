"""Moments, statuses, periods and countries on the pages of both vendors."""

import pytest

from webstore.sandbox.filters import country, day, dotted, moment, period, unbroken, words


def test_a_line_ends_in_no_moment_but_before_its_time() -> None:
    shown = moment(1795768949.7)
    assert shown == (
        '<time datetime="2026-11-27T08:42:29Z">27\N{NO-BREAK SPACE}Nov\N{NO-BREAK SPACE}2026, '
        "08:42:29\N{NO-BREAK SPACE}UTC</time>"
    )
    assert day(1795768949.7) == "27\N{NO-BREAK SPACE}Nov\N{NO-BREAK SPACE}2026"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Order 261127-6BNRP7: Mug", 'Order <span class="unbroken">261127-6BNRP7:</span> Mug'),
        ("user auth0|65f1c0.", 'user <span class="unbroken">auth0|65f1c0.</span>'),
        ("a-well-known <b> one-way", "a-well-known &lt;b&gt; one-way"),
        ("1-" + "x" * 80, "1-" + "x" * 80),
    ],
    ids=["a number", "an ID", "words", "a long one"],
)
def test_a_number_stays_on_one_line(text: str, kept: str) -> None:
    assert unbroken(text) == kept


def test_names_words_periods_and_countries() -> None:
    assert dotted("a.<b>.c") == "a.<wbr>&lt;b&gt;.<wbr>c"
    assert words("past_due") == "Past due"
    assert [period({"interval": "month", "interval_count": count}) for count in (1, 3)] == [
        "month",
        "3 months",
    ]
    assert (country("DE"), country("AC"), country("??")) == ("Germany", "Ascension Island", "??")
