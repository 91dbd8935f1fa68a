"""An address that no browser sends is answered as another one is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.offline import offline_store
from tests.unit.routes.kept_pages import Counter, shopper, sold


@pytest.mark.parametrize("path", ["/", "/products/prod_1", "/search", "/cart"])
def test_a_query_that_is_no_utf_8_is_no_error(tmp_path: Path, path: str) -> None:
    with offline_store(tmp_path / "state") as app:
        Counter(app).sell(sold(3))
        answers = [
            app.test_client().get(path, environ_overrides={"QUERY_STRING": query}, headers=headers)
            for query in ("\xff", "q=\xe4&page=\xff", "page=%FF")
            for headers in (
                {"Host": "127.0.0.1:8000"},
                {"Host": "127.0.0.1:8000", "Cookie": _cookies(shopper(app, "Ada").cookies)},
            )
        ]
        assert {answer.status_code for answer in answers} <= {200, 400, 404}


def _cookies(found: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in found.items())
