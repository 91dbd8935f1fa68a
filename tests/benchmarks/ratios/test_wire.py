"""What a stranger's browser loads for the home page, without pictures."""

from __future__ import annotations

import pytest

from .collector import Collector
from .conftest import Pair
from .figures import Goal
from .raw import Answer, Client
from .wire import Resource, is_kept, resources

pytestmark = pytest.mark.timeout(300)

#: Bytes, headers included.
MOST_BYTES, MOST_BLOCKING, MOST_AGAIN = 12_000, 1.0, 1.0


@pytest.fixture(scope="module")
def loaded(pair: Pair, found: Collector) -> dict[Resource, Answer]:
    with Client(pair.store.host) as browser:
        page = browser.get("/")
        markup = browser.get("/", {"Accept-Encoding": "identity"}).body.decode()
        files = {resource: browser.get(resource.address) for resource in resources(markup)}
    answers = [page, *files.values()]
    total = float(sum(len(answer.data) for answer in answers))
    blocking = float(sum(resource.blocking for resource in files))
    again = float(1 + sum(not is_kept(answer) for answer in files.values()))
    found.add("wire", "first visit", "bytes", "bytes", [total], goal=Goal(MOST_BYTES))
    found.add("wire", "first visit", "requests", "times", [float(len(answers))])
    found.add("wire", "first visit", "that hold up the page", "times", [blocking], goal=Goal(MOST_BLOCKING))
    found.add("wire", "next visit", "requests", "times", [again], goal=Goal(MOST_AGAIN))
    return files


def test_all_files_of_the_home_page_were_loaded(loaded: dict[Resource, Answer]) -> None:
    assert loaded
    assert {answer.status for answer in loaded.values()} == {200}
