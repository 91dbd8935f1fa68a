"""How `flask doctor` shows its results on a terminal."""

from __future__ import annotations

from webstore.cli.doctor import _folded, _lines
from webstore.doctor.models import Result, failure, ok, skipped, warning

PAGE = "https://dashboard.stripe.com/test/workbench/webhooks/and/a/path/that/is/longer/than/a/terminal"
LONG = "Something that takes more than one line of a terminal, which has eighty columns and no more."


def lines(width: int, *checked: Result) -> list[str]:
    return [line.plain for names, it in _folded(checked) for line in _lines(names, it, width)]


def test_on_a_terminal_no_line_is_too_long_but_a_page() -> None:
    told = lines(
        80,
        Result("one", "settings", ok(LONG)),
        Result("two", "settings", failure(LONG, LONG, PAGE)),
        Result("three", "settings", warning(LONG, LONG)),
    )
    assert [line for line in told if len(line) > 80] == [f"         {PAGE}"]
    assert told[0] == "ok       one                  Something that takes more than one line of a term…"
    assert told[1].startswith("failure  two                  Something that takes")
    assert told[2].startswith(" " * 30)


def test_on_a_narrow_terminal_words_still_fit() -> None:
    told = lines(40, Result("two", "settings", failure("It does not work.", "Mend it.")))
    assert told == ["failure  two                  It does not work.", " " * 30 + "Mend it."]


def test_checks_of_a_group_that_were_skipped_for_one_reason_are_one() -> None:
    told = lines(
        80,
        Result("one", "login", skipped("because of discovery")),
        Result("two", "login", ok("Fine.")),
        Result("three", "login", skipped("because of discovery")),
        Result("four", "stripe", skipped("because of discovery")),
    )
    assert told == [
        "skipped  one, three           because of discovery",
        "ok       two                  Fine.",
        "skipped  four                 because of discovery",
    ]


def test_control_characters_of_a_vendor_do_not_reach_the_terminal() -> None:
    told = lines(80, Result("one", "login", failure("\x1b[31mred", "\x07", "https://x.example/\x1b")))
    assert not any("\x1b" in line or "\x07" in line for line in told)
