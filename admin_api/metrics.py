"""Metrics: the page that Prometheus reads, computed when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from admin_api.metric_table import DISTRIBUTIONS, METRICS, Labels, Values
from admin_api.running import RUNNING
from pbx.histogram import Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Reading = tuple[str, str, str, Labels, Values]
"""Name, `counter` or `gauge`, help, names of the labels, values."""
Spread = tuple[str, str, Histogram, float]
"""Name, help, histogram, and what to multiply its values by."""


class _Page(Collector):
    """One reading of everything."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


async def show_metrics(request: web.Request) -> web.Response:
    """GET /metrics."""
    running = request.app[RUNNING]
    records = await running.records_status()
    page = render(
        [(one.name, one.kind, one.help, one.labels, one.read(running, records)) for one in METRICS],
        [(one.name, one.help, one.read(running), one.scale) for one in DISTRIBUTIONS],
    )
    return web.Response(body=page, headers={"content-type": CONTENT_TYPE})


def render(readings: Iterable[Reading], spreads: Iterable[Spread]) -> bytes:
    """Metrics in the text format of Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Page([*_families(readings, spreads)]))
    return generate_latest(registry)


def _families(readings: Iterable[Reading], spreads: Iterable[Spread]) -> Iterator[Metric]:
    for name, kind, text, labels, values in readings:
        family = (CounterMetricFamily if kind == "counter" else GaugeMetricFamily)(name, text, labels=labels)
        for label_values, value in values:
            family.add_metric(label_values, float(value))
        yield family
    for name, text, histogram, scale in spreads:
        distribution = HistogramMetricFamily(name, text, labels=())
        distribution.add_metric((), list(_cumulated(histogram, scale)), round(histogram.total * scale, 9))
        yield distribution


def _cumulated(histogram: Histogram, scale: float) -> Iterator[tuple[str, float]]:
    """Buckets as Prometheus wants them: each holds the ones below."""
    total = 0
    for bound, count in zip((*histogram.bounds, None), histogram.buckets, strict=True):
        total += count
        yield "+Inf" if bound is None else f"{round(bound * scale, 9):g}", total
