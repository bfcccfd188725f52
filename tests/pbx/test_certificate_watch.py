"""Certificate watch: what it takes, what it says, and how often."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

from pbx.certificate_watch import DAY_S, CertificateWatch
from sip.tls import CertificateFiles, TlsContexts, TlsFiles

AUTHORITY = trustme.CA()
ENDS = datetime.now(UTC).replace(microsecond=0) + timedelta(days=100)


class Lines:
    """A log that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, object]]] = []

    def info(self, event: str, **facts: object) -> None:
        self.lines.append(("info", event, facts))

    def warning(self, event: str, **facts: object) -> None:
        self.lines.append(("warning", event, facts))

    def error(self, event: str, **facts: object) -> None:
        self.lines.append(("error", event, facts))


def test_warnings_before_the_end(tmp_path: Path) -> None:
    path, log = tmp_path / "a.pem", Lines()
    AUTHORITY.issue_cert("a.example", not_after=ENDS).private_key_and_cert_chain_pem.write_to_path(str(path))
    watch = CertificateWatch(TlsContexts(TlsFiles(default=CertificateFiles(certificate=path))), log)
    said = []
    for day in range(70, 104):
        watch.beat(day * DAY_S, ENDS.timestamp() - (100 - day) * DAY_S)
        said += [(day, facts["days_left"]) for _, _, facts in log.lines]
        log.lines.clear()
    assert said == [(79, 21), (93, 7), (99, 1), (100, 0)]


def test_new_files_and_bad_files(tmp_path: Path) -> None:
    path, log = tmp_path / "a.pem", Lines()
    AUTHORITY.issue_cert("a.example", not_after=ENDS).private_key_and_cert_chain_pem.write_to_path(str(path))
    watch = CertificateWatch(TlsContexts(TlsFiles(default=CertificateFiles(certificate=path))), log)
    wall_s = ENDS.timestamp() - 90 * DAY_S
    watch.beat(0.0, wall_s)
    path.write_text("nonsense")
    watch.beat(1.0, wall_s)
    watch.beat(6.0, wall_s)
    assert log.lines == []
    watch.beat(12.0, wall_s)
    ((level, event, facts),) = log.lines
    assert (level, facts["domain"]) == ("error", "(default)")
    assert "stays in use" in event
    assert str(facts["why"]).startswith(f"{path} ")
    later = ENDS + timedelta(days=1)
    AUTHORITY.issue_cert("a.example", not_after=later).private_key_and_cert_chain_pem.write_to_path(str(path))
    os.utime(path)
    watch.hurry(wall_s)
    assert log.lines[1][0] == "info"
    assert log.lines[1][2]["expires"] == later.isoformat()
    assert len(log.lines) == 2
