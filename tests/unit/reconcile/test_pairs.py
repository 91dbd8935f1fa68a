"""Files with pairs of users and customers."""

from __future__ import annotations

from pathlib import Path

import pytest

from webstore.reconcile.pairs import CannotImport, Pair, read_pairs


def pairs(folder: Path, text: str) -> list[Pair]:
    file = folder / "pairs"
    file.write_text(text, encoding="utf-8")
    return list(read_pairs(file))


ADA = Pair(2, "auth0|ada", "cus_1")


@pytest.mark.parametrize(
    "text",
    [
        "user_id,customer_id\nauth0|ada,cus_1\n",
        "\ufeffUser_ID;Name;Stripe_Customer_ID\r\nauth0|ada;Ada;cus_1\r\n",
        "customer\tuser\ncus_1\tauth0|ada",
        # Auth0's own export.
        '"user_id","customer_id"\n"\'auth0|ada","\'cus_1"\n',
        '\n{"user_id": "auth0|ada", "customer_id": "cus_1", "plan": 3}\n',
        "user_id,email,customer_id\nauth0|ada,ada@example.com,cus_1\n\n",
    ],
)
def test_the_columns_are_found_by_their_names(tmp_path: Path, text: str) -> None:
    assert pairs(tmp_path, text) == [ADA]


def test_an_address_in_the_place_of_the_user_id(tmp_path: Path) -> None:
    (one,) = pairs(tmp_path, "user_id,email,customer_id\n,ada@example.com,cus_1\n")
    assert one.who == "ada@example.com"


def test_an_empty_value_is_kept_for_the_report(tmp_path: Path) -> None:
    assert pairs(tmp_path, "email,customer_id\nada@example.com,\n,\n") == [Pair(2, "ada@example.com", "")]


@pytest.mark.parametrize(
    "text",
    [
        *("", "auth0|ada,cus_1\n", "user_id\nauth0|ada\n", '{"user_id": "a"\n', '{"a": 1}\n[]\n'),
        '{"user_id": ' + "1" * 5000 + "}\n",
    ],
)
def test_a_file_without_pairs_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(CannotImport):
        pairs(tmp_path, text)


def test_a_file_of_another_encoding_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "pairs"
    file.write_bytes(b"user_id,customer_id\nauth0|\xff,cus_1\n")
    with pytest.raises(CannotImport):
        list(read_pairs(file))


def test_half_a_character_is_replaced(tmp_path: Path) -> None:
    (one,) = pairs(tmp_path, '{"user_id": "auth0|\\ud800", "customer_id": "cus_1"}\n')
    assert one.who == "auth0|?"
