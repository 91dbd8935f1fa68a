"""The report of a run as HTML, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import re
import stat
import tracemalloc
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.unit.samples import examples
from webstore.reconcile.models import Finding, Kind, Repair, Summary
from webstore.reconcile.report import SAMPLES, Dashboards, write_csv, write_html, write_json, write_report
from webstore.reconcile.words import WORDS

DASHBOARDS = Dashboards("https://manage.auth0.com/dashboard/eu/shop", "https://dashboard.stripe.com/test")
NASTY = "<script>alert(1)</script>\"' onload=x &amp; {{ 7 * 7 }}"
ADA = Finding(Kind.DRIFT, "auth0|ada", "cus_1", Repair.SAFE, "The name differs.", "ada@example.com")


def summary(**counts: int) -> Summary:
    return Summary(
        counts={Kind(name): count for name, count in counts.items()},
        users=1_000_000,
        customers=999_846,
        account="acct_1A test",
        tenant="shop.eu.auth0.com",
        repairs={Repair.SAFE: sum(counts.values())},
        started_at=1_790_000_000.0,
        took_s=754.0,
    )


def html(*findings: Finding, dashboards: Dashboards = DASHBOARDS, **counts: int) -> str:
    file = io.StringIO()
    write_html(file, findings, summary(**counts), dashboards)
    return file.getvalue()


class Page(HTMLParser):
    """Collects the tags and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.extend((name, value or "") for name, value in attrs)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_has_counts_explanations_and_links_to_both_dashboards() -> None:
    page = html(ADA, drift=1_234, orphan_subscription=2)
    for text in (
        "1,000,000",
        "999,846",
        "1,236 findings, 2 of them urgent",
        "shop.eu.auth0.com",
        "12 min 34 s",
    ):
        assert text in page
    for kind in (Kind.DRIFT, Kind.ORPHAN_SUBSCRIPTION):
        assert WORDS[kind].title in page
    assert WORDS[Kind.UNPINNED].title not in page
    links = {value for name, value in Page(page).attributes if name == "href"}
    assert links == {
        "#drift",
        "#orphan_subscription",
        "https://manage.auth0.com/dashboard/eu/shop/users/YXV0aDAlN0NhZGE",
        "https://dashboard.stripe.com/test/customers/cus_1",
    }


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing() -> None:
    page = html(ADA, drift=1)
    parsed = Page(page)
    assert parsed.open == []
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(parsed.tags)
    assert "url(" not in page
    assert "@import" not in page
    assert not [name for name, _ in parsed.attributes if name.startswith("on") or name == "src"]
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in parsed.attributes
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_whatever_the_vendors_hold_is_shown_as_text() -> None:
    nasty = Finding(
        Kind.DRIFT,
        NASTY,
        NASTY,
        Repair.PERSON,
        NASTY,
        NASTY,
        (f"c {NASTY}",),
        (f"u {NASTY}",),
        (f"s {NASTY}",),
        (NASTY,),
    )
    file = io.StringIO()
    odd = Summary({Kind.DRIFT: 1}, 1, 1, account=NASTY, tenant=NASTY)
    write_html(file, [nasty], odd, DASHBOARDS)
    page = Page(file.getvalue())
    assert "script" not in page.tags
    assert page.open == []
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert file.getvalue().count("{{ 7 * 7 }}") >= 9


def test_what_else_a_finding_is_about_is_shown_unless_its_message_says_so() -> None:
    one = Finding(
        Kind.DUPLICATE_CUSTOMERS, "auth0|a", "cus_1", Repair.PERSON, "cus_1 and cus_2 name the user.",
        customers=("cus_1", "cus_2", "cus_3"), subscriptions=("sub_1",), commands=("flask one", "flask two"),
    )  # fmt: skip
    page = html(one, duplicate_customers=1)
    for text in ("Customers: cus_3<", "Subscriptions: sub_1<", "flask one\nflask two"):
        assert text in page


def test_a_clean_run_says_so() -> None:
    page = html()
    assert "Both sides agree" in page
    assert "Nothing to repair" in page
    assert "1 finding, none of them urgent" in html(ADA, drift=1)


def test_without_dashboards_there_are_no_links() -> None:
    page = html(ADA, dashboards=Dashboards(None, None), drift=1)
    assert {value for name, value in Page(page).attributes if name == "href"} == {"#drift"}
    assert "auth0|ada" in page


def test_a_million_findings_make_a_small_page_and_are_never_held() -> None:
    number = examples(20_000, 4_000)  # enough to tell a list from a stream

    def many() -> Iterator[Finding]:
        for place in range(number):
            yield Finding(Kind.UNLINKED_USER, f"auth0|{place:024x}", None, Repair.SAFE, f"{place:01000x}")

    tracemalloc.start()
    page = html(*[], unlinked_user=number)  # the template is loaded once
    tracemalloc.reset_peak()
    file = io.StringIO()
    write_html(file, many(), summary(unlinked_user=number), DASHBOARDS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert file.getvalue().count("auth0|0") == SAMPLES
    assert f"{SAMPLES} of {number:,}" in file.getvalue()
    assert len(file.getvalue()) < len(page) + SAMPLES * 2_000
    assert peak < 4_000_000


def test_no_cell_of_the_csv_is_a_formula() -> None:
    formulas = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\uff1d1")
    file = io.StringIO()
    write_csv(file, [Finding(Kind.DRIFT, it, it, Repair.SAFE, it, it, (it,)) for it in formulas], DASHBOARDS)
    rows = list(csv.DictReader(io.StringIO(file.getvalue(), newline="")))
    assert [row["email"] for row in rows] == [f"'{it}" for it in formulas]
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if re.match(r"\s*[=+\-@\uff1d]", cell)]


def test_no_cell_begins_within_another_one() -> None:
    """A spreadsheet may separate cells by semicolons, as in most of Europe."""
    file = io.StringIO()
    odd = Finding(Kind.DRIFT, "waad|-a;b", "cus_1", Repair.SAFE, "x;y", 'a"; =1+1;@b@example.com')
    write_csv(file, [odd], DASHBOARDS)
    (row,) = csv.DictReader(io.StringIO(file.getvalue(), newline=""))
    assert row["email"] == "a\";' =1+1;'@b@example.com"
    assert (row["user_id"], row["message"]) == ("waad|-a;b", "x;y")


@pytest.mark.parametrize("text", [';"=1+1;x', '; " =1+1', '"=1+1'])
def test_no_quote_hides_a_formula(text: str) -> None:
    file = io.StringIO()
    write_csv(file, [Finding(Kind.DRIFT, text, "cus_1", Repair.SAFE)], DASHBOARDS)
    for separator in ",;":
        cells = [
            cell for row in csv.reader(io.StringIO(file.getvalue()), delimiter=separator) for cell in row
        ]
        assert not [cell for cell in cells if cell.lstrip(' "').startswith("=")]


def test_a_run_that_could_not_compare_everybody_is_not_clean() -> None:
    file = io.StringIO()
    write_html(file, [], Summary({}, 5, 5, warning="The key is <b>wrong</b>."), DASHBOARDS)
    page = file.getvalue()
    assert "Not everybody could be compared" in page
    assert "The key is &lt;b&gt;wrong&lt;/b&gt;." in page
    assert "Both sides agree" not in page
    assert "Nothing to repair" not in page


def test_the_csv_and_the_json_have_every_finding() -> None:
    findings = [
        ADA,
        Finding(Kind.DUPLICATE_CUSTOMERS, "auth0|b", "cus_2", Repair.PERSON, customers=("cus_2", "cus_3")),
        Finding(Kind.UNLINKED_USER, "auth0|c", None, Repair.DONE),
    ]
    text = io.StringIO()
    write_csv(text, iter(findings), DASHBOARDS)
    rows = list(csv.DictReader(io.StringIO(text.getvalue(), newline="")))
    assert [row["kind"] for row in rows] == [it.kind for it in findings]
    assert rows[0]["user_page"].endswith("/users/YXV0aDAlN0NhZGE")
    assert (rows[1]["customers"], rows[2]["customer_id"]) == ("cus_2 cus_3", "")

    text = io.StringIO()
    write_json(text, iter(findings), summary(drift=1, duplicate_customers=1, unlinked_user=1))
    read = json.loads(text.getvalue())
    assert read["findings"][0]["message"] == "The name differs."
    assert read["findings"][2] == {
        "kind": "unlinked_user", "user_id": "auth0|c", "customer_id": None, "repair": "done"
    }  # fmt: skip
    assert read["counts"] == {"drift": 1, "duplicate_customers": 1, "unlinked_user": 1}
    assert (read["users"], read["customers"]) == (1_000_000, 999_846)


def test_no_findings_are_valid_json() -> None:
    text = io.StringIO()
    write_json(text, [], summary())
    assert json.loads(text.getvalue())["findings"] == []


@pytest.mark.parametrize("suffix", [".html", ".csv", ".json", ".JSON"])
def test_the_file_appears_when_it_is_complete_and_is_its_owners(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    path.write_text("the last report")

    def broken() -> Iterator[Finding]:
        yield ADA
        raise OSError("the list cannot be read")

    with pytest.raises(OSError, match="cannot be read"):
        write_report(path, broken(), summary(drift=2), DASHBOARDS)
    assert path.read_text() == "the last report"

    write_report(
        path, [Finding(Kind.DRIFT, "auth0|\ud800", "cus_1", Repair.SAFE)], summary(drift=1), DASHBOARDS
    )
    assert "cus_1" in path.read_text("utf-8-sig")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_another_suffix_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.html, \.csv, \.json"):
        write_report(tmp_path / "out.pdf", [], summary(), DASHBOARDS)


def test_each_kind_is_explained() -> None:
    assert set(WORDS) == set(Kind)
