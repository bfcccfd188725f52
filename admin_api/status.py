"""Status: how the node does, on one page."""

from __future__ import annotations

from aiohttp import web

from admin_api.call_view import Json
from admin_api.running import RUNNING, Running
from pbx import mixing
from pbx.records.messages import RecordsStatus


async def show_status(request: web.Request) -> web.Response:
    """GET /status."""
    running = request.app[RUNNING]
    return web.json_response(status(running, await running.records_status()))


def status(running: Running, records: RecordsStatus | None) -> Json:
    """The page; `records` None: the records process does not answer."""
    node, lag, spool, tracer = running.node, running.loop_lag, running.spool, running.tracer
    return {
        "version": running.version,
        "node": running.name,
        "uptime_s": round(running.clock.now() - running.began),
        "draining": running.ingress.admission.draining,
        "calls": len(node.sessions),
        "legs": sum(len(session.call.active_legs) for session in running.sessions()),
        "registrations": len(running.location),
        "loop_lag_ms": {
            "last": round(1000 * lag.last_s, 1),
            "p99": round(1000 * lag.p99_s, 1),
            "worst": round(1000 * lag.worst_s, 1),
        },
        "ports": {"used": node.ports_in_use, "free": running.port_pairs - node.ports_in_use},
        "media_workers": {
            "up": len(running.media.worker_pids()),
            "wanted": running.settings.media.workers,
            "lost": node.workers_lost,
        },
        "codecs": {"decoded": list(mixing.decodable()), "missing": mixing.missing()},
        "spool": {
            "full": spool.full,
            "waiting_bytes": spool.buffered_bytes,
            "events_behind": None if records is None else max(0, spool.next_seq - 1 - records.seq),
            "error": spool.error,
        },
        "records": {
            "answers": records is not None,
            "restarts": running.records.restarts,
            "error": None if records is None else records.error,
        },
        "trace": {
            "on": tracer is not None,
            "messages": 0 if tracer is None else tracer.messages,
            "dropped": 0 if tracer is None else tracer.dropped,
            "error": None if tracer is None else tracer.error,
        },
        "sip": {
            "malformed": node.stack.malformed,
            "strays": node.stack.strays,
            "kernel_drops": kernel_drops(running),
        },
        "faults": node.faults,
        "refused": {str(status): count for status, count in sorted(running.ingress.refused.items())},
        "wrong_passwords": running.tally.authentication_failures,
        "overload": running.ingress.overload(),
        "ended": [
            {"result": result, "reason": reason, "calls": count}
            for (result, reason), count in running.tally.calls_ended.most_common()
        ],
    }


def kernel_drops(running: Running) -> int:
    """Datagrams that the kernel had no room for."""
    return sum(one.counters.kernel_drops for one in running.transports.listeners)
