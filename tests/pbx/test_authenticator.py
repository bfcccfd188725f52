"""The authenticator: algorithms, targets, user names, and answers that tell an attacker nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pbx.authenticator import Authenticator, Cause, Verdict
from pbx.configuration import Configuration
from pbx.events import AuthenticationFailed
from pbx.snapshot import Snapshot
from sip.digest import authorization, parse_challenge
from sip.flow import Flow
from sip.message import Request
from sip.parser import parse_message
from tests.fakes.demo import demo_snapshot
from tests.fakes.journal import MemoryJournal

FLOW = Flow("udp", "UDP", ("10.0.0.1", 5060), ("10.0.0.11", 5060))


class StillClock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> float:
        return self.at

    def wall_ns(self) -> int:
        return int(self.at * 1e9)


class Desk:
    """An authenticator over the demo tenant, whose device 1001 differs."""

    def __init__(self, **changes: object) -> None:
        snapshot = demo_snapshot()
        demo = snapshot.tenants["demo"]
        device = replace(demo.devices["1001"], **changes)  # type: ignore[arg-type]
        users = {user: device if one.username == "1001" else one for user, one in demo.devices_by_user.items()}
        tenants = {**snapshot.tenants, "demo": replace(demo, devices_by_user=users)}
        self.configuration = Configuration(Snapshot(version="x", tenants=tenants, trunks={}))
        self.clock = StillClock()
        self.journal = MemoryJournal(self.clock)
        self.authenticator = Authenticator(secret=b"0123456789abcdef", clock=self.clock, journal=self.journal)

    def check(self, request: Request) -> Verdict:
        return self.authenticator.check(request, self.configuration.tenant("demo"), "demo.local", FLOW)

    def ask(
        self,
        *,
        algorithm: str = "MD5",
        user: str = "1001",
        password: str = "demo-1001",
        method: str = "INVITE",
        uri: str = "sip:1002@demo.local",
        signed: str | None = None,
        nc: int = 1,
    ) -> Verdict:
        """Be challenged, and come again with credentials for `signed`."""
        first = self.check(request(method, uri))
        assert first.cause is Cause.NONE_GIVEN
        challenges = [parse_challenge(row) for name, row in first.challenge if name == "www-authenticate"]
        assert [one.algorithm for one in challenges] == ["MD5", "SHA-256"]
        challenge = replace(challenges[0], algorithm=algorithm)
        row = authorization(challenge, method, uri if signed is None else signed, user, password, nc, "c")
        return self.check(request(method, uri, row))


def request(method: str, uri: str, authorization_: str | None = None) -> Request:
    row = f"Authorization: {authorization_}\r\n" if authorization_ else ""
    text = (
        f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.11;branch=z9hG4bKa\r\nFrom: <sip:1001@demo.local>;tag=a\r\n"
        f"To: <sip:1002@demo.local>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n{row}Content-Length: 0\r\n\r\n"
    )
    parsed = parse_message(text.encode())
    assert isinstance(parsed, Request)
    return parsed


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "MD5-sess", "SHA-256-sess"])
def test_right_credentials(algorithm: str) -> None:
    verdict = Desk().ask(algorithm=algorithm)
    assert verdict.device is not None
    assert (verdict.device.username, verdict.cause, verdict.challenge) == ("1001", None, ())


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({"password": "wrong"}, Cause.WRONG_PASSWORD),
        ({"user": "4711"}, Cause.UNKNOWN_USER),
        ({"user": ""}, Cause.UNKNOWN_USER),
        ({"algorithm": "SHA-512-256"}, Cause.UNKNOWN_USER),
        ({"user": "1002"}, Cause.WRONG_PASSWORD),
    ],
)
def test_wrong_credentials(given: dict[str, str], cause: Cause) -> None:
    desk = Desk()
    verdict = desk.ask(**given)  # type: ignore[arg-type]
    assert (verdict.device, verdict.cause, desk.authenticator.failures) == (None, cause, 1)
    assert len(verdict.challenge) == 2


@pytest.mark.parametrize("user", ["1001", "demo-1001"])
def test_forms_of_a_user_name(user: str) -> None:
    assert Desk().ask(user=user).device is not None


@pytest.mark.parametrize(
    ("own", "algorithm", "good"),
    [
        (("SHA-256",), "SHA-256", True),
        (("SHA-256",), "SHA-256-sess", True),
        (("SHA-256",), "MD5", False),
        (("SHA-256",), "MD5-sess", False),
        (("MD5",), "SHA-256", False),
    ],
)
def test_a_devices_own_algorithms_narrow_the_tenants(own: tuple[str, ...], algorithm: str, *, good: bool) -> None:
    """The challenge stays the tenant's: it would show which users exist."""
    verdict = Desk(digest_algorithms=own).ask(algorithm=algorithm)
    assert (verdict.device is not None) == good
    assert verdict.cause is (None if good else Cause.ALGORITHM)


@pytest.mark.parametrize(
    "signed",
    [
        "sip:1002@demo.local",
        "sip:1002@DEMO.local:5060;transport=udp",
        "sip:1002@10.0.0.1",
        "sip:%31002@demo.local",
        "sips:1002@demo.local",
        "sip:1002;phone-context=x@demo.local",
        "sip:demo.local",
    ],
)
def test_credentials_made_for_the_same_target(signed: str) -> None:
    """RFC 3261 §22.4 item 6: proxies and phones write it in other words."""
    assert Desk().ask(signed=signed).device is not None


@pytest.mark.parametrize("signed", ["sip:1003@demo.local", "tel:1002", "1002", "", "*", "sip:"])
def test_credentials_made_for_another_target(signed: str) -> None:
    verdict = Desk().ask(signed=signed)
    assert (verdict.device, verdict.cause) == (None, Cause.OTHER_TARGET)


def test_credentials_made_for_another_method() -> None:
    desk = Desk()
    first = desk.check(request("REGISTER", "sip:demo.local"))
    challenge = parse_challenge(first.challenge[0][1])
    row = authorization(challenge, "REGISTER", "sip:demo.local", "1001", "demo-1001", 1, "c")
    assert desk.check(request("INVITE", "sip:demo.local", row)).cause is Cause.WRONG_PASSWORD


def test_a_nonce_is_good_once_per_count_and_for_its_time() -> None:
    desk = Desk()
    challenge = parse_challenge(desk.check(request("INVITE", "sip:1002@demo.local")).challenge[0][1])

    def use(nc: int) -> Verdict:
        row = authorization(challenge, "INVITE", "sip:1002@demo.local", "1001", "demo-1001", nc, "c")
        return desk.check(request("INVITE", "sip:1002@demo.local", row))

    assert use(1).device is not None
    assert use(1).cause is Cause.REPLAY
    assert use(3).device is not None
    assert use(2).device is not None
    desk.clock.at += 301
    late = use(4)
    assert late.cause is Cause.STALE
    assert all("stale=true" in row for _, row in late.challenge)
    assert desk.authenticator.failures == 0


def test_a_foreign_nonce() -> None:
    desk = Desk()
    challenge = replace(
        parse_challenge(desk.check(request("INVITE", "sip:1002@demo.local")).challenge[0][1]), nonce="x"
    )
    row = authorization(challenge, "INVITE", "sip:1002@demo.local", "1001", "demo-1001", 1, "c")
    verdict = desk.check(request("INVITE", "sip:1002@demo.local", row))
    assert verdict.cause is Cause.FOREIGN
    # The password was right: after a restart of the server no phone shall ask its user for it again.
    assert all("stale=true" in row for _, row in verdict.challenge)


def test_a_wrong_password_with_a_foreign_nonce_is_not_called_stale() -> None:
    desk = Desk()
    challenge = replace(
        parse_challenge(desk.check(request("INVITE", "sip:1002@demo.local")).challenge[0][1]), nonce="x"
    )
    row = authorization(challenge, "INVITE", "sip:1002@demo.local", "1001", "guess", 1, "c")
    verdict = desk.check(request("INVITE", "sip:1002@demo.local", row))
    assert verdict.cause is Cause.WRONG_PASSWORD
    assert not any("stale" in row for _, row in verdict.challenge)


def test_invented_names_do_not_fill_the_disk() -> None:
    desk = Desk()
    for number in range(300):
        desk.ask(user=f"guess{number}")
    assert len(desk.journal.events(AuthenticationFailed)) == 100
    desk.clock.at += 2.0
    for number in range(300, 400):
        desk.ask(user=f"guess{number}")
    assert len(desk.journal.events(AuthenticationFailed)) == 110
    assert desk.authenticator.failures == 400


def test_refused_user_names_are_kept_short() -> None:
    desk = Desk()
    for tail in ("a", "b"):
        desk.ask(user="9" * 5000 + tail)
    assert list(desk.authenticator._failures.items()) == [(("10.0.0.11", "9" * 64), 2)]


@pytest.mark.parametrize("row", ["Basic abc", "Digest", "Digest username=", 'Digest realm="demo.local"', "Digest \xff"])
def test_credentials_that_cannot_be_read(row: str) -> None:
    assert Desk().check(request("INVITE", "sip:1002@demo.local", row)).cause is Cause.MALFORMED


def test_credentials_of_another_realm_are_not_ours() -> None:
    row = 'Digest username="1001", realm="elsewhere", nonce="n", uri="sip:x", response="r"'
    assert Desk().check(request("INVITE", "sip:1002@demo.local", row)).cause is Cause.NONE_GIVEN


def test_a_domain_that_is_not_ours_is_challenged_like_any_other() -> None:
    desk = Desk()
    verdict = desk.authenticator.check(request("INVITE", "sip:1@elsewhere"), None, "elsewhere", FLOW)
    assert [parse_challenge(row).algorithm for _, row in verdict.challenge] == ["SHA-256", "MD5"]
    assert verdict.device is None
