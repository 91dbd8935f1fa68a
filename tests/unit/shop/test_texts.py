"""The shop's own texts, read from files."""

from __future__ import annotations

from pathlib import Path

import pytest

from webstore.shop.texts import TITLES, read_texts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, title in TITLES.items():
        (tmp_path / f"{name}.md").write_text(f"# {title}\n", encoding="utf-8")
    return tmp_path


def test_markdown_becomes_html(folder: Path) -> None:
    (folder / "terms.md").write_text("# Terms\n\n- [back](/returns)\n- *now*\n\nÜber", encoding="utf-8")
    text = read_texts(folder)["terms"]
    assert text.title == "Terms of sale"
    assert "<h1>Terms</h1>" in text.html
    assert '<li><a href="/returns">back</a></li>' in text.html
    assert "Über" in text.html


def test_gaps_that_the_shop_has_to_fill_in_are_listed_and_marked(folder: Path) -> None:
    (folder / "contact.md").write_text(
        "[REPLACE: a <name>]\n\nWe are [REPLACE: two\nlines].", encoding="utf-8"
    )
    text = read_texts(folder)["contact"]
    assert text.gaps == ("a <name>", "two\nlines")
    assert '<mark class="gap">[a &lt;name&gt;]</mark>' in text.html
    assert text.html.count("<mark") == 2
    assert read_texts(folder)["terms"].gaps == ()


def test_html_in_a_text_is_text(folder: Path) -> None:
    source = (
        "<script>alert(1)</script>\n\n[x](javascript:alert(1)) ![x](data:text/html,x)\n\n<b onclick=x>y</b>"
    )
    (folder / "privacy.md").write_text(source, encoding="utf-8")
    html = read_texts(folder)["privacy"].html
    assert "<script" not in html
    assert "<b" not in html
    assert 'href="javascript' not in html


def test_a_text_that_is_missing_or_not_utf_8_is_an_error(folder: Path) -> None:
    (folder / "terms.md").write_bytes(b"\xff\xfe")
    with pytest.raises(UnicodeDecodeError):
        read_texts(folder)
    (folder / "terms.md").unlink()
    with pytest.raises(FileNotFoundError):
        read_texts(folder)


def test_the_texts_of_the_repository_are_placeholders() -> None:
    texts = read_texts(Path(__file__).parents[3] / "templates" / "shop" / "texts")
    assert all(text.gaps for text in texts.values())
