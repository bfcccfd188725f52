"""Metrics: the page that Prometheus reads, computed when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from admin_api.metric_table import DISTRIBUTIONS, METRICS
from admin_api.running import RUNNING, Running
from pbx.histogram import Histogram
from pbx.records.messages import RecordsStatus

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Page(Collector):
    """One reading of everything."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


async def show_metrics(request: web.Request) -> web.Response:
    """GET /metrics."""
    running = request.app[RUNNING]
    return web.Response(body=page(running, await running.records_status()), headers={"content-type": CONTENT_TYPE})


def page(running: Running, records: RecordsStatus | None) -> bytes:
    """All metrics in the text format of Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Page([*_families(running, records)]))
    return generate_latest(registry)


def _families(running: Running, records: RecordsStatus | None) -> Iterator[Metric]:
    for metric in METRICS:
        made = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
        family = made(metric.name, metric.help, labels=metric.labels)
        for labels, value in metric.read(running, records):
            family.add_metric(labels, float(value))
        yield family
    for one in DISTRIBUTIONS:
        histogram = one.read(running)
        distribution = HistogramMetricFamily(one.name, one.help, labels=())
        distribution.add_metric((), list(_cumulated(histogram, one.scale)), histogram.total * one.scale)
        yield distribution


def _cumulated(histogram: Histogram, scale: float) -> Iterator[tuple[str, float]]:
    """Buckets as Prometheus wants them: each holds the ones below."""
    total = 0
    for bound, count in zip((*histogram.bounds, None), histogram.buckets, strict=True):
        total += count
        yield "+Inf" if bound is None else f"{round(bound * scale, 9):g}", total
