"""Session timers (RFC 4028): who refreshes a session, how often, and when it counts as dead."""

from __future__ import annotations

from sip.commands import HeaderPairs
from sip.core import Core
from sip.errors import MalformedHeader
from sip.events import RefreshDue, SessionExpired
from sip.interval import MIN_SE_S, Interval, SessionTimer
from sip.message import Message, Request, Response
from sip.usage import InviteUsage, Phase

TAG = "timer"
MAX_SE_S = 86_400
"""A far end that demands more is not followed."""


class SessionTimers:
    """Negotiates and runs the timers of all usages of a stack."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.on = TAG in core.settings.supported and core.settings.session_expires_s > 0

    # -- what we ask for

    def opening(self, least_s: int = MIN_SE_S) -> HeaderPairs:
        """The fields of an INVITE that opens a call."""
        if not self.on:
            return ()
        wanted_s = max(self._core.settings.session_expires_s, least_s)
        return (("session-expires", str(wanted_s)), ("min-se", str(least_s)))

    def within(self, usage: InviteUsage) -> HeaderPairs:
        """The fields of an INVITE or UPDATE of ours within the dialog: all stays as it was settled."""
        running = usage.session_timer
        if running is None:
            return ()
        refresher = "uac" if running.interval.ours else "uas"
        return (
            ("supported", TAG),
            ("session-expires", f"{max(running.interval.expires_s, running.least_s)};refresher={refresher}"),
            ("min-se", str(running.least_s)),
        )

    def refused(self, usage: InviteUsage, response: Response) -> None:
        """A 422 to an INVITE or UPDATE of ours within the dialog: the next one asks for what it demands."""
        running, least_s = usage.session_timer, self.demanded(response)
        if running is not None and least_s is not None:
            running.least_s = max(running.least_s, least_s)

    def demanded(self, response: Response) -> int | None:
        """The interval that a 422 demands (RFC 4028 §6), None where it is none that we would use."""
        try:
            least = response.min_se
            seconds = int(least.value) if least is not None else 0
        except (MalformedHeader, ValueError):
            return None
        return seconds if MIN_SE_S < seconds <= MAX_SE_S else None

    # -- what is asked of us

    def too_brief(self, request: Request) -> bool:
        """Whether an INVITE or UPDATE is to be refused with 422: it wants less than MIN_SE_S."""
        if not self.on or "session-expires" not in request.headers:
            return False
        wanted = _seconds(request)
        return wanted is not None and wanted < MIN_SE_S and request.supports(TAG)

    def settle_server(self, usage: InviteUsage, request: Request, now: float) -> HeaderPairs:
        """The fields of our 2xx to an INVITE or UPDATE; the timer runs from now on (RFC 4028 §9).

        Without them the session does not expire any more, as in `settle_client`.
        """
        headers = request.headers
        if not self.on:
            return ()
        if not ("supported" in headers or "session-expires" in headers):
            self.stop(usage)
            return ()
        supports = request.supports(TAG)
        wanted = _seconds(request)
        if wanted is None and not supports:
            self.stop(usage)
            return ()
        least = max(MIN_SE_S, _least(request))
        ours_s = self._core.settings.session_expires_s
        expires_s = max(ours_s if wanted is None else min(wanted, ours_s), least)
        refresher = _refresher(request) or "uac"
        if not supports:
            refresher = "uas"
        self._start(usage, Interval(expires_s=expires_s, ours=refresher == "uas"), request, now)
        fields: HeaderPairs = (("session-expires", f"{expires_s};refresher={refresher}"),)
        return (*fields, ("require", TAG)) if refresher == "uac" else fields

    def settle_client(self, usage: InviteUsage, response: Response, now: float) -> None:
        """A 2xx to an INVITE or UPDATE of ours says what holds (RFC 4028 §7.2); without the field, nothing does."""
        if not self.on:
            return
        if "session-expires" not in response.headers:
            self.stop(usage)
            return
        expires_s = _seconds(response)
        if expires_s is None or expires_s < MIN_SE_S:
            self.stop(usage)
            return
        self._start(usage, Interval(expires_s=expires_s, ours=_refresher(response) != "uas"), response, now)

    # -- the timer

    def stop(self, usage: InviteUsage) -> None:
        if usage.session_timer is not None:
            usage.session_timer.stop()
            usage.session_timer = None

    def _start(self, usage: InviteUsage, interval: Interval, message: Message, now: float) -> None:
        if usage.phase in (Phase.ENDING, Phase.DOWN):
            return  # An answer that came after the end.
        before = usage.session_timer
        try:
            updates = "UPDATE" in message.allow
        except MalformedHeader:
            updates = False
        if before is not None:
            before.stop()
            updates = updates or before.updates
        running = usage.session_timer = SessionTimer(interval, updates)
        if before is not None:
            running.least_s = before.least_s
        # RFC 4028 §10: refreshed at half the interval; given up a little before its end.
        grace_s = min(32.0, interval.expires_s / 3)
        delay_s = interval.expires_s / 2 if interval.ours else interval.expires_s - grace_s
        running.timer = self._core.timers.after(delay_s, now, self._due if interval.ours else self._expired, usage)

    def _due(self, usage: InviteUsage, now: float) -> None:
        running = usage.session_timer
        if running is None or usage.phase is not Phase.UP:
            return
        interval = running.interval
        rest_s = interval.expires_s / 2 - min(32.0, interval.expires_s / 3)
        running.timer = self._core.timers.after(rest_s, now, self._expired, usage)
        self._core.events.append(RefreshDue(usage.ident, running.updates))

    def _expired(self, usage: InviteUsage, now: float) -> None:
        if usage.phase is Phase.UP:
            usage.session_timer = None
            self._core.events.append(SessionExpired(usage.ident))


def _seconds(message: Message) -> int | None:
    try:
        field = message.session_expires
        return int(field.value) if field is not None else None
    except (MalformedHeader, ValueError):
        return None


def _least(message: Message) -> int:
    try:
        field = message.min_se
        seconds = int(field.value) if field is not None else 0
    except (MalformedHeader, ValueError):
        return 0
    return seconds if seconds <= MAX_SE_S else 0


def _refresher(message: Message) -> str | None:
    field = message.session_expires
    value = field.param("refresher") if field is not None else None
    return value.lower() if value is not None and value.lower() in ("uac", "uas") else None
