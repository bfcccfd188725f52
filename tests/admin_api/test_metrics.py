"""The metrics page and its documentation name the same metrics; the page is what Prometheus reads."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from admin_api.metric_table import DISTRIBUTIONS, METRICS
from admin_api.metrics import render
from pbx.histogram import Histogram

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")


def documented() -> dict[str, tuple[str, str]]:
    """Name -> labels and meaning, by the table of the page."""
    table = PAGE.split("\n## Metrics\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*) \|$", table, re.MULTILINE)
    return {name: (labels, meaning) for name, labels, meaning in rows}


def test_the_page_names_every_metric() -> None:
    expected = {one.name: (", ".join(f"`{label}`" for label in one.labels), one.help) for one in METRICS}
    expected |= {one.name: ("", f"{one.help} A histogram.") for one in DISTRIBUTIONS}
    assert documented() == expected


def test_names_follow_the_custom_of_prometheus() -> None:
    for metric in METRICS:
        assert metric.name.startswith("cordboard_")
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        assert "call_id" not in metric.labels


def test_a_histogram_is_cumulated_in_its_unit() -> None:
    histogram = Histogram(1.0, 10.0)
    for value_ms in (0.5, 2.0, 3.0, 50.0):
        histogram.add(value_ms)
    text = render([], [("x_seconds", "About x.", histogram, 0.001)]).decode()
    (family,) = text_string_to_metric_families(text)
    assert [(one.name, one.labels.get("le"), one.value) for one in family.samples] == [
        ("x_seconds_bucket", "0.001", 1.0),
        ("x_seconds_bucket", "0.01", 3.0),
        ("x_seconds_bucket", "+Inf", 4.0),
        ("x_seconds_count", None, 4.0),
        ("x_seconds_sum", None, 0.0555),
    ]


def test_values_carry_their_labels() -> None:
    rows = [(("in", 'we"ird'), 3.0), (("out", "b"), 0.0)]
    text = render([("y_total", "counter", "About y.", ("way", "what"), rows)], []).decode()
    (family,) = text_string_to_metric_families(text)
    assert [(one.labels, one.value) for one in family.samples] == [
        ({"way": "in", "what": 'we"ird'}, 3.0),
        ({"way": "out", "what": "b"}, 0.0),
    ]
