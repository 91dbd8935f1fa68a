"""The arithmetic of docs/scaling.md, and how figures get into the documentation."""

from __future__ import annotations

import pytest

from tests.benchmarks.ratios import scaling
from tests.benchmarks.ratios.publish import DOCUMENTS, blocks, with_blocks
from tests.benchmarks.ratios.scaling import CLAIM, FIRST, NO_CLAIM, PLANS, VISIT, Plan
from tests.benchmarks.ratios.tables import PARTS
from tests.unit.benchmarks.run import HOME, results, whole_run


def cells(table: str, row: str) -> list[str]:
    """The cells of the row that begins so."""
    (line,) = [line for line in table.splitlines() if line.startswith(f"| {row}")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_a_visit_costs_its_login_and_its_pages() -> None:
    visit = scaling.costs(whole_run(), CLAIM)
    pages = sum(view.times for view in VISIT)
    assert visit.cpu_ms == pytest.approx(2 * (2 + pages))
    assert visit.trips == pytest.approx(2 + pages)
    # One login in twenty is a first one: it reads and writes the user, and makes a customer.
    assert visit.management == pytest.approx(0.05 * 2 + pages)
    assert visit.stripe == pytest.approx(0.05 + pages)


def test_without_the_claim_each_returning_login_reads_the_user() -> None:
    with_claim, without = (scaling.costs(whole_run(), login).management for login in (CLAIM, NO_CLAIM))
    assert without - with_claim == pytest.approx(0.95)


def test_a_processor_does_what_fits_into_its_busy_share() -> None:
    table = scaling.processor_table(whole_run())
    assert cells(table, "product") == ["2.00 ms", "300"]
    assert cells(table, "login, first") == ["4.00 ms", "150"]


def test_a_million_logins_a_day_are_counted_at_the_peak() -> None:
    peak, a_day, pages, processors, machines, trips, *_ = cells(
        scaling.size_table(whole_run()), "a million logins a day"
    )
    assert (peak, a_day, pages) == ("58", "1.0 million", "637")
    # 57.9 visits of 26 ms, on processors that are busy 60 % of the time, 4 a machine.
    assert (processors, machines) == ("2.5", "1")
    # 13 trips a visit, and one a second of each of the 4 processes.
    assert trips == "756"


def test_a_thousand_machines_do_a_thousand_times_as_much_as_one() -> None:
    table = scaling.size_table(whole_run())
    one, thousand = cells(table, "one machine"), cells(table, "a thousand machines")
    assert (one[4], thousand[4]) == ("1", "1,000")
    assert (one[3], thousand[3]) == ("4.0", "4,000.0")


@pytest.mark.parametrize(
    ("plan", "claim", "no_claim", "first"),
    [("Free", 2.5, 2, 1), ("Essentials, Professional", 12.5, 500 / 60, 200 / 60), ("Enterprise", 50, 16, 8)],
)
def test_a_plan_allows_what_its_tightest_limit_allows(
    plan: str, claim: float, no_claim: float, first: float
) -> None:
    (found,) = [it for it in PLANS if it.name == plan]
    assert [found.logins_per_s(login) for login in (CLAIM, NO_CLAIM, FIRST)] == pytest.approx(
        [claim, no_claim, first]
    )


def test_a_plan_without_a_limit_of_the_management_api_is_bound_by_the_logins_themselves() -> None:
    assert Plan("made up", "", 10).logins_per_s(FIRST) == 5


def test_a_run_without_the_logins_leaves_the_sizes_alone(capsys: pytest.CaptureFixture[str]) -> None:
    found = blocks(results(HOME))
    assert "pages" in found
    assert "sizes" not in found
    assert "Not measured: login: /login, CPU" in capsys.readouterr().err


def test_blocks_go_between_their_markers_and_nothing_else_changes() -> None:
    other = "b\n<!-- figures: login -->\nkept\n<!-- end -->\n"
    text = f"a\n<!-- figures: pages -->\nold\nolder\n<!-- end -->\n{other}"
    assert with_blocks(text, {"pages": "new"}) == text.replace("old\nolder", "new")


def test_a_document_without_markers_is_not_written() -> None:
    with pytest.raises(ValueError, match="no place"):
        with_blocks("text", {"pages": "new"})


def test_the_documentation_has_a_place_for_every_block() -> None:
    markers = "".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
    for name in {*blocks(whole_run()), *PARTS}:
        assert markers.count(f"<!-- figures: {name} -->") == 1, name
