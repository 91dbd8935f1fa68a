"""The metrics of the store, of its documentation, of its dashboard and of its alerts are the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import promql_parser
import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from webstore import metrics

DOCS = Path(__file__).parents[2] / "docs"
#: Labels that Prometheus adds, and that of a histogram's classes.
GIVEN = frozenset({"job", "instance", "le"})
_SAMPLES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}


def measured() -> dict[str, tuple[str, tuple[str, ...]]]:
    """The type and the labels of each metric, by the name under which the documentation has it."""
    found = {}
    for it in vars(metrics).values():
        if isinstance(it, MetricWrapperBase):
            (family,) = it.describe()
            ending = "_total" if family.type == "counter" else ""
            found[family.name + ending] = (family.type, tuple(it._labelnames))  # noqa: SLF001 (no public way)
    return found


def samples() -> dict[str, frozenset[str]]:
    """The labels of each series, by its name."""
    return {
        name.removesuffix("_total") + ending: frozenset(labels) | GIVEN
        for name, (kind, labels) in measured().items()
        for ending in _SAMPLES[kind]
    }


def dashboard_queries() -> dict[str, str]:
    panels = json.loads((DOCS / "examples/grafana-dashboard.json").read_text())["panels"]
    return {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in panels
        for target in panel.get("targets", ())
    }


def alert_queries() -> dict[str, str]:
    (group,) = yaml.safe_load((DOCS / "examples/prometheus-rules.yml").read_text())["groups"]
    return {rule["alert"]: rule["expr"] for rule in group["rules"]}


QUERIES = {**dashboard_queries(), **alert_queries()}


def nodes(expression: object) -> Iterator[object]:
    """The expression and all its parts."""
    yield expression
    for name in ("expr", "lhs", "rhs", "param", "vector_selector", "vs"):
        part = getattr(expression, name, None)
        if part is not None and not isinstance(part, str):
            yield from nodes(part)
    for part in getattr(expression, "args", ()):
        yield from nodes(part)


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_is_of_metrics_and_labels_that_the_store_has(name: str) -> None:
    text = QUERIES[name].replace("$__rate_interval", "5m").replace("$job", "webstore")
    known = samples()
    selected: list[frozenset[str]] = []
    grouped: set[str] = set()
    for node in nodes(promql_parser.parse(text)):
        if isinstance(node, promql_parser.VectorSelector):
            assert node.name in known
            selected.append(known[node.name])
            assert {it.name for it in node.matchers.matchers} <= known[node.name]
        elif isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            grouped |= set(node.modifier.labels)
    assert selected
    assert grouped <= frozenset.union(*selected)
    # The walk has seen every selector.
    assert len(selected) == len(re.findall(r"\bwebstore_\w+", text))


def test_every_metric_is_documented_with_its_type_and_labels() -> None:
    rows = re.findall(
        r"^\| `(webstore_\w+)` \| (\w+) \| (.*?) \|", (DOCS / "monitoring.md").read_text(), re.M
    )
    documented = {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    assert documented == measured()


def test_every_metric_is_on_the_dashboard() -> None:
    shown = " ".join(dashboard_queries().values())
    assert [name for name in measured() if name not in shown] == []


def test_every_alert_is_documented() -> None:
    rows = re.findall(r"^\| (Webstore\w+) \|", (DOCS / "monitoring.md").read_text(), re.M)
    assert rows == list(alert_queries())


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    panels = json.loads((DOCS / "examples/grafana-dashboard.json").read_text())["panels"]
    cells = [
        (x, y)
        for box in (panel["gridPos"] for panel in panels)
        for x in range(box["x"], box["x"] + box["w"])
        for y in range(box["y"], box["y"] + box["h"])
    ]
    assert len(cells) == len(set(cells))
    assert all(x < 24 for x, _ in cells)
    assert len({panel["id"] for panel in panels}) == len(panels)
