"""The configuration from end to end but the network: a records process of its own, changes, swaps, deaths."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pbx.config_error import ConfigError
from pbx.config_object import Deletion, Filter, ObjectKey, Upsert
from pbx.configuration import Configuration
from pbx.records.client import RecordsClient
from pbx.records.configuration_client import ConfigurationClient, QueryError
from pbx.records.told import read_documents
from pbx.snapshot import EMPTY

pytestmark = pytest.mark.e2e  # A process of its own, which takes its time to start.

DOCUMENT = """\
tenants:
  - key: acme
    domain: acme.example
    extensions:
      - number: "1001"
        devices: [{password: a-long-password}]
      - number: "1002"
        name: Reception
        devices: [{password: another-password, username: front}]
    numbers:
      - {number: "*60", dest: {type: feature, target: echo}}
trunks:
  - {name: line, tenant: acme, peers: [{host: sip.example.com}], source_ips: [192.0.2.1]}
dids:
  - {number: "+4930", tenant: acme, dest: {type: extension, number: "1001"}}
"""


class House:
    """A records process and the client under test."""

    def __init__(self, data: Path, url: str | None) -> None:
        self.records = RecordsClient(data, database_url=url, first_backoff_s=0.01, max_backoff_s=0.1)
        self.configuration = Configuration(EMPTY)
        self.gone: list[tuple[str, str]] = []
        self.client = ConfigurationClient(self.records, self.configuration, drop=self.gone.extend, settle=lambda: None)

    @property
    def acme(self) -> list[str]:
        """Numbers of tenant acme's extensions that are in force."""
        tenant = self.configuration.snapshot.tenants.get("acme")
        return [] if tenant is None else sorted(tenant.extensions)


def in_house(data: Path, url: str | None, scenario: Callable[[House], Awaitable[None]]) -> None:
    async def run() -> None:
        house = House(data, url)
        await house.records.start()
        try:
            await scenario(house)
        finally:
            await house.records.stop()

    asyncio.run(run())


async def applied(house: House, text: str = DOCUMENT, *, prune: bool = False, dry_run: bool = False) -> str:
    """Apply a document; its errors as text."""
    body = json.dumps({"documents": [{"name": "f.yaml", "text": text}]}).encode()
    told = await house.client.apply(body, by="tests", prune=prune, dry_run=dry_run)
    answer = json.loads(told.answer)
    assert told.refused == bool(answer["errors"])
    return "\n".join(str(ConfigError(**one)) for one in answer["errors"])


def test_a_document_comes_into_force(tmp_path: Path, database_url: str | None) -> None:
    async def scenario(house: House) -> None:
        assert await applied(house) == ""
        assert house.acme == ["1001", "1002"]
        view = house.configuration.tenant("acme")
        assert view is not None
        assert view.did_destination("+4930", "line") is not None
        assert view.trunk("line") is not None
        assert house.client.version == 1
        assert await applied(house) == ""
        assert house.client.version == 1, "what says nothing new makes no version"
        outcome = await house.client.change(
            [Upsert(kind="extension", tenant="acme", body={"number": "1003"}, expected=0)], by="tests"
        )
        assert (outcome.version, outcome.added, outcome.faults) == (2, 1, ())
        assert house.acme == ["1001", "1002", "1003"]
        assert view.extension("1003") is None, "who looked before sees what was then"

    in_house(tmp_path, database_url, scenario)


def test_a_document_with_an_error_changes_nothing(tmp_path: Path, database_url: str | None) -> None:
    wrong = DOCUMENT.replace('number: "1001"}}', 'number: "1009"}}').replace("Reception", "Front desk")

    async def scenario(house: House) -> None:
        await applied(house)
        before = await house.client.export()
        errors = await applied(house, wrong)
        assert errors == ("f.yaml:15: dids[0].dest.number: tenant acme has no extension 1009 (allowed: 1001 | 1002)")
        assert await applied(house, DOCUMENT.replace("1002", "10x2")) != ""
        assert await applied(house, "tenants: [") != ""
        assert await house.client.export() == before
        assert house.client.version == 1
        assert [one.number for one in await house.client.versions()] == [1]

    in_house(tmp_path, database_url, scenario)


def test_only_prune_deletes(tmp_path: Path) -> None:
    smaller = "tenants:\n- key: acme\n  domain: acme.example\n  extensions: [{number: 1001}]\n"

    async def scenario(house: House) -> None:
        await applied(house)
        assert await applied(house, smaller) == ""
        assert house.acme == ["1001", "1002"]
        assert await applied(house, smaller, prune=True, dry_run=True) == ""
        assert house.acme == ["1001", "1002"]
        assert await applied(house, smaller, prune=True) == ""
        assert house.acme == ["1001"]
        assert house.configuration.snapshot.trunks == {}
        assert house.configuration.snapshot.tenants["acme"].dids == {}
        assert sorted(house.gone) == [("acme", "1001"), ("acme", "front")]

    in_house(tmp_path, None, scenario)


def test_what_is_used_stays(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await applied(house)
        doomed = [Deletion(kind="extension", tenant="acme", key="1001")]
        outcome = await house.client.change(deletes=doomed, by="tests")
        (fault,) = outcome.faults
        assert str(fault) == "extension acme/1001: is used by did +4930: change or delete that first"
        assert fault.users == (ObjectKey("did", "", "+4930"),)
        assert await house.client.where_used("extension", "acme", "1001") == fault.users
        outcome = await house.client.change(deletes=[*doomed, Deletion(kind="did", key="+4930")], by="tests")
        assert (outcome.faults, outcome.deleted) == ((), 2)
        assert house.gone == [("acme", "1001")]
        outcome = await house.client.change(deletes=doomed, by="tests")
        assert [fault.code for fault in outcome.faults] == ["missing"]

    in_house(tmp_path, None, scenario)


def test_who_is_late_is_told(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await applied(house)
        found = await house.client.get("extension", "acme", "1002")
        assert found is not None
        assert (found.revision, found.owner, found.created_by) == (1, "acme", "tests")
        assert "password" not in str(found.body)
        body = {**found.body, "name": "Front"}
        wish = Upsert(kind="extension", tenant="acme", key="1002", body=body, expected=found.revision)
        outcome = await house.client.change([wish], by="tests")
        (change,) = outcome.changes
        assert [(one.field, one.before, one.after) for one in change.fields] == [("name", "Reception", "Front")]
        outcome = await house.client.change([wish], by="tests")
        assert [(fault.code, fault.message) for fault in outcome.faults] == [("stale", "is at revision 2, not 1")]
        new = Upsert(kind="extension", tenant="acme", body={"number": "1001"}, expected=0)
        outcome = await house.client.change([new], by="tests")
        assert [(fault.code, fault.message) for fault in outcome.faults] == [("stale", "exists already")]

    in_house(tmp_path, None, scenario)


def test_secrets_are_kept_and_never_shown(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await applied(house)
        before = house.configuration.snapshot.tenants["acme"].devices["front"].ha1
        body = {"number": "1002", "devices": [{"username": "front", "max_contacts": 3}]}
        wish = Upsert(kind="extension", tenant="acme", key="1002", body=body)
        outcome = await house.client.change([wish], by="tests")
        assert [fault.field for fault in outcome.faults] == ["devices[0].password"]
        outcome = await house.client.change([_keeping(wish)], by="tests")
        assert outcome.faults == ()
        assert house.configuration.snapshot.tenants["acme"].devices["front"].ha1 == before
        body["devices"] = [{"username": "front", "password": "yet-another-password"}]
        outcome = await house.client.change([_keeping(wish)], by="tests", dry_run=True)
        fields = {one.field: (one.before, one.after) for one in outcome.changes[0].fields}
        assert fields["devices[0].ha1"] == ("********", "********")
        errors = await applied(house, "tenants:\n- {key: acme, domain: other.example}\n")
        assert "the hashes are for realm acme.example, the tenant's domain is other.example" in errors
        assert "set the password anew" in errors

    in_house(tmp_path, None, scenario)


def _keeping(wish: Upsert) -> Upsert:
    return Upsert(kind=wish.kind, tenant=wish.tenant, key=wish.key, body=wish.body, keep_secrets=True)


def test_versions_come_back(tmp_path: Path, database_url: str | None) -> None:
    async def scenario(house: House) -> None:
        await applied(house)
        first = await house.client.export()
        await applied(house, DOCUMENT.replace("Reception", "Front"))
        await applied(house, "tenants:\n- {key: acme, domain: acme.example}\n", prune=True)
        assert house.acme == []
        assert [(one.number, one.restorable) for one in await house.client.versions()] == [
            (3, True), (2, True), (1, True)
        ]  # fmt: skip
        outcome = await house.client.restore(1, by="tests")
        assert outcome.faults == ()
        assert house.acme == ["1001", "1002"]
        assert await house.client.export() == first
        (latest, *_) = await house.client.versions(1)
        assert (latest.number, latest.summary) == (4, "version 1 restored")
        await house.client.restore(0, by="tests")
        assert await house.client.export() == b""
        with pytest.raises(QueryError, match="there is no version 9"):
            await house.client.restore(9, by="tests")

    in_house(tmp_path, database_url, scenario)


def test_a_change_is_made_once_however_often_records_dies(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await applied(house)
        for number in range(2000, 2012):
            await house.records.status()  # it lives
            wish = Upsert(kind="extension", tenant="acme", body={"number": str(number)}, expected=0)
            making = asyncio.create_task(house.client.change([wish], by="tests"))
            await asyncio.sleep(0.003 * (number - 2000))
            os.kill(house.records.pid or 0, signal.SIGKILL)
            outcome = await making
            assert outcome.faults == (), "the answer that was lost is given again"
            assert str(number) in house.acme
        assert len(await house.client.versions()) == 13

    in_house(tmp_path, None, scenario)


def test_who_gives_up_waiting_stops_nothing(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await applied(house)
        wish = Upsert(kind="extension", tenant="acme", body={"number": "2000"})
        impatient = asyncio.create_task(house.client.change([wish], by="tests"))
        for _ in range(2):  # it begins, and takes its turn
            await asyncio.sleep(0)
        impatient.cancel()
        await house.client.load()
        assert "2000" in house.acme

    in_house(tmp_path, None, scenario)


def test_slices_of_two_processes_are_not_mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = "".join(f"  - {{number: {number}}}\n" for number in range(3000, 3600))
    document = f"tenants:\n- key: acme\n  domain: acme.example\n  extensions:\n{many}"

    async def scenario(house: House) -> None:
        asked = house.records.configuration
        asked_for = 0

        async def dying(name: str, *arguments: object) -> Any:
            nonlocal asked_for
            answer = await asked(name, *arguments)
            asked_for += name == "compiled"
            if name == "compiled" and asked_for == 4:
                os.kill(house.records.pid or 0, signal.SIGKILL)
            return answer

        monkeypatch.setattr(house.records, "configuration", dying)
        assert await applied(house, document) == ""
        assert len(house.acme) == 600
        assert asked_for > 600 // 50 + 2, "the fetch began anew"

    in_house(tmp_path, None, scenario)


def test_lists_are_filtered_sorted_and_paged(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await applied(house)
        extra = "".join(f"  - {{number: {number}, name: Desk {9999 - number}}}\n" for number in range(2000, 2030))
        await applied(house, f"tenants:\n- key: acme\n  domain: acme.example\n  extensions:\n{extra}")
        names: list[str] = []
        cursor = None
        while True:
            page = await house.client.list(
                "extension", "acme", filters=[Filter(field="name", op="contains", value="desk")],
                sort="-name", limit=7, cursor=cursor,
            )  # fmt: skip
            assert page.total == 30
            names += [one.body["name"] for one in page.objects]
            cursor = page.cursor
            if cursor is None:
                break
        assert names == sorted(names, reverse=True)
        assert len(set(names)) == 30
        assert (await house.client.list("extension", "other")).total == 0
        dests = await house.client.list("did", filters=[Filter(field="dest.type", value="extension")])
        assert [one.key for one in dests.objects] == ["+4930"]
        with pytest.raises(QueryError, match="none of ours"):
            await house.client.list("did", cursor="nonsense")
        with pytest.raises(QueryError, match="there is no operator like"):
            await house.client.list("did", filters=[Filter(field="key", op="like", value="x")])

    in_house(tmp_path, None, scenario)


def test_files_are_applied_once_per_content(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text(DOCUMENT)
    two.write_text("trunks:\n- {name: other, source_ips: [198.51.100.1]}\n")
    files = [str(one), str(two)]

    async def scenario(house: House) -> None:
        done = await house.client.apply_files(files, by="start-up")
        assert (done.errors, done.skipped, done.outcome.version) == ((), (), 1)
        wish = Upsert(kind="extension", tenant="acme", body={"number": "1002", "name": "Edited"}, keep_secrets=True)
        await house.client.change([wish], by="tests")
        done = await house.client.apply_files(files, by="start-up")
        assert (done.skipped, house.client.version) == (tuple(files), 2), "edits survive the next start"
        two.write_text("trunks:\n- {name: other, source_ips: [198.51.100.2]}\n")
        done = await house.client.apply_files(files, by="start-up")
        assert (done.skipped, done.outcome.changed) == ((str(one),), 1)
        assert house.configuration.snapshot.tenants["acme"].extensions["1002"].name == "Edited"
        two.write_text("tenants:\n- {key: acme, domain: acme.example, extensions: [{number: 1004}]}\n")
        done = await house.client.apply_files(files, by="start-up")
        assert done.skipped == (), "files that share a tenant are one"
        assert house.acme == ["1001", "1002", "1004"]
        two.write_text("trunks: 7\n")
        done = await house.client.apply_files(files, by="start-up")
        assert str(done.errors[0]).startswith(f"{two}:1: trunks")

    in_house(tmp_path, None, scenario)


def test_what_a_tenant_hands_down_follows_it(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await applied(house)
        await applied(house, "tenants:\n- {key: acme, domain: acme.example, ext_ring: 11, digest_algorithms: [MD5]}\n")
        tenant = house.configuration.snapshot.tenants["acme"]
        assert tenant.extensions["1001"].ring_timeout_s == 11.0
        assert {algorithm for _, algorithm in tenant.devices["1001"].ha1} == {"MD5"}
        await applied(house, "tenants:\n- {key: acme, domain: acme.example, hold_source: silence}\n")
        tenant = house.configuration.snapshot.tenants["acme"]
        assert tenant.extensions["1001"].ring_timeout_s == 30.0
        assert {algorithm for _, algorithm in tenant.devices["1001"].ha1} == {"MD5", "SHA-256"}

    in_house(tmp_path, None, scenario)


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b"[]", b'{"documents": []}', b'{"documents": [{"name": 1, "text": "x"}]}', b"[" * 100_000,
     b'{"documents": [{"name": "a", "text": "\\ud800"}]}', b'{"documents": [{"name": "a"}], "x": 1}'],
)  # fmt: skip
def test_bodies_that_hold_no_documents(body: bytes) -> None:
    with pytest.raises(ValueError, match="the body must be"):
        read_documents(body)
