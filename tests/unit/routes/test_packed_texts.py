"""A text that is like another one is kept in little space, and comes back byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import Clock
from tests.unit.offline import offline_store
from tests.unit.routes.kept_pages import Counter, shopper, sold
from webstore.routes.packed_texts import Packer

LONG = bytes(range(256)) * 400


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def packer(clock: Clock) -> Packer:
    return Packer(60.0, clock)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.binary() | st.just(LONG)), max_size=6))
def test_every_text_comes_back_as_it_was(texts: list[tuple[str, bytes]]) -> None:
    packer = Packer(60.0)
    packed = [packer.pack(kind, text) for kind, text in texts]
    assert [it.unpacked() for it in packed] == [text for _, text in texts]


def test_the_page_of_a_second_shopper_takes_a_twelfth(packer: Packer, tmp_path: Path) -> None:
    with offline_store(tmp_path / "state") as app:
        Counter(app).sell(sold(24))
        first, second = (shopper(app, name, pieces=1).ask("/").data for name in ("Ada", "Grace"))
    packer.pack("home", first)
    assert len(packer.pack("home", second).packed) < len(second) / 12


def test_kinds_have_models_of_their_own(packer: Packer) -> None:
    packer.pack("a", LONG)
    other = packer.pack("b", b"another text")
    assert packer.pack("b", b"another text, too").model is other.model


def test_a_model_gives_way_after_its_time(packer: Packer, clock: Clock) -> None:
    old = packer.pack("a", b"the first text")
    clock.now += 61
    new = packer.pack("a", b"the second text")
    assert new.model == b"the second text"
    assert (old.unpacked(), new.unpacked()) == (b"the first text", b"the second text")


def test_eight_models_of_32_kb_are_kept(packer: Packer) -> None:
    models = {kind: packer.pack(kind, LONG).model for kind in "abcdefghi"}
    assert {len(model) for model in models.values()} == {32 * 1024}
    assert packer.pack("i", b"text").model is models["i"]
    assert packer.pack("b", b"text").model is models["b"]
    assert packer.pack("a", b"text").model == b"text"
