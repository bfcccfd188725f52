"""Twin reports: RTCP of a twin port: compound reports out, the far end's in (RFC 3550 §6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media.port_state import Address
from media.rtcp import NTP_OFFSET_S, Compound, MalformedRtcp, SenderInfo, build_compound, parse_compound

if TYPE_CHECKING:
    from media.twin_port import TwinPort


def send_report(port: TwinPort, now: float, wall_s: float, *, goodbye: bool = False) -> None:
    """Send an SR or RR with CNAME, and BYE on close."""
    target = _target(port)
    if target is None:
        return
    sent = port.counts.get("packets_sent", 0)
    sender = None
    last_out = port.stream.last_out
    if sent != port.packets_reported and last_out is not None:
        since = int((now - last_out) * port.state.clock_rate)
        sender = SenderInfo(
            ntp=int((wall_s + NTP_OFFSET_S) * (1 << 32)),
            timestamp=port.stream.last_ts + since,
            packets=sent,
            octets=port.counts.get("octets_sent", 0),
        )
    port.packets_reported = sent
    compound = Compound(
        ssrc=port.stream.ssrc,
        sender=sender,
        blocks=port.reception.block(now),
        cname=port.state.cname,
        goodbye=goodbye,
    )
    if port.transmit(port.rtcp, build_compound(compound), target):
        port.count("rtcp_sent")


def hear_report(port: TwinPort, data: bytes, source: Address, now: float, wall_s: float) -> bool:
    """Take the far end's RTCP; False when it was dropped (and counted)."""
    if not _allowed(port, source[0]):
        port.count("dropped_foreign")
        return False
    try:
        compound = parse_compound(data)
    except MalformedRtcp:
        port.count("dropped_malformed")
        return False
    port.count("rtcp_received")
    if compound.sender is not None and compound.ssrc == port.reception.ssrc:
        port.reception.last_sr = compound.sender.ntp >> 16 & 0xFFFFFFFF
        port.reception.last_sr_s = now
    for block in compound.blocks:
        if block.ssrc != port.stream.ssrc:
            continue
        port.far = (block.cumulative_lost, block.fraction_lost / 256.0, block.jitter)
        trip = (int((wall_s + NTP_OFFSET_S) * 65536) - block.last_sr - block.delay) & 0xFFFFFFFF
        if block.last_sr and trip < 0x80000000:
            port.rtt_ms = trip / 65.536
    return True


def _allowed(port: TwinPort, host: str) -> bool:
    if port.latched is not None and port.state.latch != "off":
        return host == port.latched[0]
    known = (port.state.remote_rtcp, port.state.remote_rtp)
    return any(address is not None and address[0] == host for address in known)


def _target(port: TwinPort) -> Address | None:
    if port.rtcp_latched is not None:
        return port.rtcp_latched
    if port.state.latch == "auto" and port.latched is not None and not port.latched_signalled:
        return port.latched[0], port.latched[1] + 1
    if port.state.remote_rtcp is not None:
        return port.state.remote_rtcp
    target = port.target()
    return None if target is None else (target[0], target[1] + 1)
