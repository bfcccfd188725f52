"""Metric table: every metric by name, what it means, and where its number comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Final, Literal

from admin_api.running import Running
from admin_api.status import kernel_drops
from pbx.histogram import Histogram
from pbx.records.messages import RecordsStatus

Labels = tuple[str, ...]
Values = Iterable[tuple[Labels, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """`read` gives a value for each combination of labels; nothing where it is not known at present."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    labels: Labels = ()
    read: Callable[[Running, RecordsStatus | None], Values]


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """A histogram; `scale` turns its values into the unit of the name."""

    name: str
    help: str
    read: Callable[[Running], Histogram]
    scale: float = 1.0


def _one(read: Callable[[Running], float]) -> Callable[[Running, RecordsStatus | None], Values]:
    return lambda running, _: [((), read(running))]


def _each(
    read: Callable[[Running], Iterable[tuple[Labels, float]]],
) -> Callable[[Running, RecordsStatus | None], Values]:
    return lambda running, _: read(running)


def _requests(running: Running) -> Values:
    for way, traffic in (("in", running.node.received), ("out", running.node.sent)):
        for method, count in traffic.requests().items():
            yield (way, method), count


def _responses(running: Running) -> Values:
    for way, traffic in (("in", running.node.received), ("out", running.node.sent)):
        for status_class, count in traffic.responses().items():
            yield (way, status_class), count


def _spool_behind(running: Running, records: RecordsStatus | None) -> Values:
    return [] if records is None else [((), max(0, running.spool.next_seq - 1 - records.seq))]


METRICS: Final = (
    Metric(
        name="cordboard_info",
        kind="gauge",
        help="Always 1; the label tells the version.",
        labels=("version",),
        read=_each(lambda running: [((running.version,), 1)]),
    ),
    Metric(
        name="cordboard_uptime_seconds",
        kind="gauge",
        help="Since the server came up.",
        read=_one(lambda running: running.clock.now() - running.began),
    ),
    Metric(
        name="cordboard_draining",
        kind="gauge",
        help="1 while the node takes no new calls because it is about to stop.",
        read=_one(lambda running: running.ingress.admission.draining),
    ),
    Metric(
        name="cordboard_calls_active",
        kind="gauge",
        help="Calls at this moment.",
        read=_one(lambda running: len(running.node.sessions)),
    ),
    Metric(
        name="cordboard_calls_begun_total",
        kind="counter",
        help="Calls that were taken, by direction.",
        labels=("direction",),
        read=_each(lambda running: [((name,), count) for name, count in running.tally.calls_begun.items()]),
    ),
    Metric(
        name="cordboard_calls_ended_total",
        kind="counter",
        help="Calls that are over, by result and reason; media time-outs have the reason media_timeout.",
        labels=("result", "reason"),
        read=_each(lambda running: running.tally.calls_ended.items()),
    ),
    Metric(
        name="cordboard_invites_refused_total",
        kind="counter",
        help="INVITEs that did not become a call, by status; challenges (401) do not count.",
        labels=("status",),
        read=_each(lambda running: [((str(status),), count) for status, count in running.ingress.refused.items()]),
    ),
    Metric(
        name="cordboard_overload_refusals_total",
        kind="counter",
        help="Calls that the node refused with 503 to protect itself, by cause.",
        labels=("cause",),
        read=_each(lambda running: [((cause,), count) for cause, count in running.ingress.overload().items()]),
    ),
    Metric(
        name="cordboard_registrations",
        kind="gauge",
        help="Bindings that are registered now.",
        read=_one(lambda running: len(running.location)),
    ),
    Metric(
        name="cordboard_registration_changes_total",
        kind="counter",
        help="Bindings that were added, refreshed, removed, or that expired.",
        labels=("action",),
        read=_each(lambda running: [((name,), count) for name, count in running.tally.registrations.items()]),
    ),
    Metric(
        name="cordboard_authentication_failures_total",
        kind="counter",
        help="Credentials that were wrong.",
        read=_one(lambda running: running.tally.authentication_failures),
    ),
    Metric(
        name="cordboard_sip_requests_total",
        kind="counter",
        help="Requests in and out by method; what has no known method is `other`. Retransmissions count too.",
        labels=("way", "method"),
        read=_each(_requests),
    ),
    Metric(
        name="cordboard_sip_responses_total",
        kind="counter",
        help="Responses in and out by class of status. Retransmissions count too.",
        labels=("way", "class"),
        read=_each(_responses),
    ),
    Metric(
        name="cordboard_sip_retransmissions_total",
        kind="counter",
        help="Messages sent again (out), and requests that peers sent again (in): lost packets, or a slow side.",
        labels=("way",),
        read=_each(lambda running: zip((("out",), ("in",)), running.node.stack.retransmissions, strict=True)),
    ),
    Metric(
        name="cordboard_sip_malformed_total",
        kind="counter",
        help="Messages that could not be understood.",
        read=_one(lambda running: running.node.stack.malformed),
    ),
    Metric(
        name="cordboard_sip_stray_responses_total",
        kind="counter",
        help="Responses that belong to no transaction.",
        read=_one(lambda running: running.node.stack.strays),
    ),
    Metric(
        name="cordboard_sip_kernel_drops_total",
        kind="counter",
        help="Datagrams that the kernel dropped because the server did not fetch them in time.",
        read=_one(kernel_drops),
    ),
    Metric(
        name="cordboard_sip_connections",
        kind="gauge",
        help="TCP and TLS connections that are open.",
        read=_one(lambda running: running.transports.connections),
    ),
    Metric(
        name="cordboard_sip_connection_events_total",
        kind="counter",
        help="What happened to connections: accepted, connected, refused (over a limit), or why they failed or ended.",
        labels=("event",),
        read=_each(
            lambda running: [
                ((one.name,), getattr(running.transports.counters, one.name))
                for one in fields(running.transports.counters)
            ]
        ),
    ),
    Metric(
        name="cordboard_faults_total",
        kind="counter",
        help="Faults of the server itself; each is in the log with its traceback.",
        read=_one(lambda running: running.node.faults),
    ),
    Metric(
        name="cordboard_loop_lag_p99_seconds",
        kind="gauge",
        help="How late the event loop woke in 99 of 100 cases of the last 10 seconds.",
        read=_one(lambda running: running.loop_lag.p99_s),
    ),
    Metric(
        name="cordboard_media_ports",
        kind="gauge",
        help="Pairs of RTP and RTCP ports, used and free.",
        labels=("state",),
        read=_each(
            lambda running: [
                (("used",), running.node.ports_in_use),
                (("free",), running.port_pairs - running.node.ports_in_use),
            ]
        ),
    ),
    Metric(
        name="cordboard_media_workers",
        kind="gauge",
        help="Media processes that run.",
        read=_one(lambda running: len(running.media.worker_pids())),
    ),
    Metric(
        name="cordboard_media_workers_lost_total",
        kind="counter",
        help="Media processes that died and were started again.",
        read=_one(lambda running: running.node.workers_lost),
    ),
    Metric(
        name="cordboard_records_restarts_total",
        kind="counter",
        help="How often the records process was started again.",
        read=_one(lambda running: running.records.restarts),
    ),
    Metric(
        name="cordboard_rtp_packets_total",
        kind="counter",
        help="RTP packets of legs that are over: received, sent, and missing of those received.",
        labels=("kind",),
        read=_each(
            lambda running: [
                (("received",), running.tally.packets_in),
                (("sent",), running.tally.packets_out),
                (("lost",), running.tally.packets_lost),
            ]
        ),
    ),
    Metric(
        name="cordboard_spool_full",
        kind="gauge",
        help="1 while events cannot be written; new calls are refused then.",
        read=_one(lambda running: running.spool.full),
    ),
    Metric(
        name="cordboard_spool_dropped_total",
        kind="counter",
        help="Events that were lost because the disk stayed full.",
        read=_one(lambda running: running.spool.dropped),
    ),
    Metric(
        name="cordboard_spool_events_behind",
        kind="gauge",
        help="Events that are not in the database yet; missing while the records process does not answer.",
        read=_spool_behind,
    ),
    Metric(
        name="cordboard_trace_messages_total",
        kind="counter",
        help="SIP messages written to the trace.",
        read=_one(lambda running: 0 if running.tracer is None else running.tracer.messages),
    ),
    Metric(
        name="cordboard_trace_dropped_total",
        kind="counter",
        help="SIP messages that the trace lost to a slow or failing disk.",
        read=_one(lambda running: 0 if running.tracer is None else running.tracer.dropped),
    ),
)

DISTRIBUTIONS: Final = (
    Distribution(
        name="cordboard_loop_lag_seconds",
        help="How late the event loop woke, measured every 100 ms.",
        read=lambda running: running.loop_lag.histogram,
    ),
    Distribution(
        name="cordboard_rtp_loss_ratio",
        help="Share of packets lost on the way to us, by leg that is over.",
        read=lambda running: running.tally.loss_pct,
        scale=0.01,
    ),
    Distribution(
        name="cordboard_rtp_jitter_seconds",
        help="Jitter of what came to us, by leg that is over.",
        read=lambda running: running.tally.jitter_ms,
        scale=0.001,
    ),
    Distribution(
        name="cordboard_mos",
        help="Estimated speech quality of what came to us (1 to 4.5), by leg that is over.",
        read=lambda running: running.tally.mos,
    ),
)
