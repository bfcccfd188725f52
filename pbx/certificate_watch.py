"""Certificate watch: files that changed are taken while calls go on, and what ends soon is said in the log."""

from __future__ import annotations

from typing import Final, Protocol

from sip.tls import CertificateNews, TlsContexts

LOOK_S: Final = 5.0
WARN_DAYS: Final = (1, 7, 21)
DAY_S: Final = 86_400.0


class Log(Protocol):
    """What is used of a structlog logger."""

    def info(self, event: str, **facts: object) -> object: ...
    def warning(self, event: str, **facts: object) -> object: ...
    def error(self, event: str, **facts: object) -> object: ...


class CertificateWatch:
    """Looks at the files every `LOOK_S`, and at the days that each certificate has left."""

    def __init__(self, contexts: TlsContexts, log: Log) -> None:
        self._contexts = contexts
        self._log = log
        self._due = 0.0
        self._warned: dict[str, tuple[float, int]] = {}
        """By domain: when its certificate ends, and the fewest days that were announced."""

    def beat(self, now: float, wall_s: float) -> None:
        """Look if it is time to; `now` is monotonic, `wall_s` seconds since 1970."""
        if now >= self._due:
            self._due = now + LOOK_S
            self._tell(self._contexts.refresh())
            self._warn(wall_s)

    def hurry(self, wall_s: float) -> None:
        """Take what changed at once: the operator says that all files are there."""
        self._tell(self._contexts.refresh(at_once=True))
        self._warn(wall_s)

    def _tell(self, news: list[CertificateNews]) -> None:
        for one in news:
            if one.error is None:
                self._log.info(
                    "TLS certificate changed; new connections see it",
                    domain=one.domain or "(default)",
                    file=str(one.file),
                    expires=one.expires.isoformat(),
                )
            else:
                self._log.error(
                    "new TLS certificate cannot be used; the one before stays in use",
                    domain=one.domain or "(default)",
                    why=one.error,
                )

    def _warn(self, wall_s: float) -> None:
        for one in self._contexts.expiries():
            ends = one.expires.timestamp()
            left_days = (ends - wall_s) / DAY_S
            crossed = next((days for days in WARN_DAYS if left_days <= days), None)
            if crossed is None:
                continue
            if left_days <= 0:
                crossed = 0
            if self._warned.get(one.domain, (0.0, 0)) == (ends, crossed):
                continue
            self._warned[one.domain] = (ends, crossed)
            self._log.warning(
                "TLS certificate has ended: peers refuse it" if left_days <= 0 else "TLS certificate ends soon",
                domain=one.domain or "(default)",
                file=str(one.file),
                expires=one.expires.isoformat(),
                days_left=max(0, int(left_days)),
            )
