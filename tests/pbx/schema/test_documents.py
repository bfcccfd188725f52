"""Documents: every error says file, line, field and what is allowed; good ones compile."""

from __future__ import annotations

from pathlib import Path

import msgpack  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx.compiled import Row
from pbx.config_error import ConfigError
from pbx.destination import ConferenceDestination, ExternalDestination, FeatureDestination, PromptDestination
from pbx.draft import Draft
from pbx.schema.compile import compile_object, compile_objects
from pbx.schema.loading import Parsed, load_documents, validate
from pbx.schema.tree import MAX_DEPTH, TreeError, parse_tree
from pbx.snapshot import EMPTY, Snapshot
from sip.digest import ha1

EXAMPLES = Path(__file__).parents[3] / "examples"

GOOD = """\
tenants:
  - key: acme
    domain: ACME.example
    ext_ring: 25
    extensions:
      - number: "0101"
        devices:
          - password: a-long-password
            auth_user: ann
            codecs: [pcmu, G722]
            allowed_nets: [10.0.0.0/8, "2001:db8::/32"]
      - {number: 102, ring_timeout: 5, max_calls: null}
    numbers:
      - {number: "*60", dest: {type: feature, target: echo}}
      - {number: 90, dest: {type: hangup, cause: 21}}
trunks:
  - name: line
    tenant: acme
    peers: [{host: sip.example.com}, {host: 192.0.2.1, port: 5070}]
    source_ips: ["192.0.2.1:5070", "198.51.100.0/24", "[2001:db8::1]:5060"]
dids:
  - {number: "+4930123", tenant: acme, dest: {type: extension, number: "0101"}}
  - {number: "4711", trunk: line, tenant: acme, dest: {type: external, trunk: line}}
"""


def errors_of(text: str) -> list[str]:
    try:
        _, errors = validate([parse_tree(text, "f.yaml")])
    except TreeError as error:
        errors = [error.error]
    return [str(error) for error in errors]


def parsed_of(text: str) -> Parsed:
    parsed, errors = validate([parse_tree(text, "f.yaml")])
    assert errors == []
    assert parsed is not None
    return parsed


def snapshot_of(text: str) -> Snapshot:
    return compile_objects(parsed_of(text).objects)


def snapshot_of_files(*paths: Path) -> Snapshot:
    parsed, errors = load_documents(paths)
    assert errors == []
    assert parsed is not None
    return compile_objects(parsed.objects)


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


def test_good_document_compiles() -> None:
    snapshot = snapshot_of(GOOD)
    tenant = snapshot.tenants["acme"]
    assert snapshot.by_domain == {"acme.example": tenant}
    assert snapshot.own_address is None
    assert list(tenant.extensions) == ["0101", "102"]
    assert tenant.extensions["0101"].ring_timeout_s == 25.0
    assert tenant.extensions["102"].ring_timeout_s == 5.0
    assert tenant.extensions["102"].max_calls is None
    device = tenant.devices["0101"]
    assert device.codecs == ("pcmu", "g722", "telephone-event")
    assert device.digest_algorithms == ("SHA-256", "MD5")
    assert device.ha1["acme-0101", "MD5"] == ha1("acme-0101", "acme.example", "a-long-password", "MD5")
    assert {user for user, _ in device.ha1} == {"0101", "acme-0101", "ann"}
    assert tenant.devices_by_user == {"0101": device, "acme-0101": device, "ann": device}
    assert tenant.numbers["*60"] == FeatureDestination(target="echo")
    assert tenant.dids["line", "4711"].destination == ExternalDestination(number=None, trunk="line")
    assert ("", "+4930123") in tenant.dids
    assert "a-long-password" not in repr(snapshot)


def test_device_is_allowed_by_network() -> None:
    device = snapshot_of(GOOD).tenants["acme"].devices["0101"]
    assert device.allows("10.1.2.3")
    assert device.allows("2001:db8::5")
    assert not device.allows("192.0.2.1")
    assert not device.allows("no address")


def test_trunk_is_known_by_its_source() -> None:
    text = changed("trunks:\n", "trunks:\n  - {name: net, source_ips: [198.51.0.0/16, 192.0.2.1]}\n")
    snapshot = snapshot_of(text)

    def name(host: str, port: int) -> str | None:
        trunk = snapshot.trunk_from(host, port)
        return trunk.name if trunk else None

    assert name("192.0.2.1", 5070) == "line"
    assert name("192.0.2.1", 5060) == "net"
    assert name("198.51.100.7", 1) == "line"
    assert name("198.51.101.7", 1) == "net"
    assert name("2001:db8::1", 5060) == "line"
    assert name("203.0.113.1", 5060) is None
    assert name("nonsense", 5060) is None


def test_rows_go_over_the_wire() -> None:
    objects = parsed_of(GOOD).objects
    draft = Draft(EMPTY)
    for key in reversed(objects):
        row: Row = msgpack.unpackb(msgpack.packb(compile_object(objects, key)))
        draft.take(row)
    assert draft.finish("").snapshot == compile_objects(objects)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            '"0101"\n        devices',
            "abc\n        devices",
            "f.yaml:6: tenants[0].extensions[0].number: 'abc' is not 2-8 digits (allowed: [0-9]{2,8})",
        ),
        (
            "ext_ring: 25",
            "ext_ring: soon",
            "f.yaml:4: tenants[0].ext_ring: 'soon' is not a whole number (allowed: a whole number)",
        ),
        ("ext_ring: 25", "ext_ring: 0", "f.yaml:4: tenants[0].ext_ring: '0' is too small (allowed: 1 or more)"),
        (
            "domain: ACME.example",
            "domain: a b",
            "f.yaml:3: tenants[0].domain: 'a b' is not a domain name "
            "(allowed: letters, digits and hyphens between dots)",
        ),
        ("    domain: ACME.example\n", "", "f.yaml:2: tenants[0].domain: is required"),
        (
            "ext_ring: 25",
            "ext_rung: 25",
            "f.yaml:4: tenants[0].ext_rung: is no setting here (allowed: key | domain | own_address | status | "
            "digest_algorithms | internal_calls | ext_ring | external_ring | prompt_language | "
            "country | hold_source | max_calls | max_cps | max_duration | record | "
            "record_force | record_scope | extensions | numbers)",
        ),
        (
            "ext_ring: 25",
            "status: gone",
            "f.yaml:4: tenants[0].status: 'gone' is not known here (allowed: active | suspended | closed)",
        ),
        (
            "ext_ring: 25",
            "own_address: perhaps",
            "f.yaml:4: tenants[0].own_address: 'perhaps' is neither true nor false (allowed: true | false)",
        ),
        (
            "password: a-long-password",
            "password: short",
            "f.yaml:8: tenants[0].extensions[0].devices[0]: password is too short "
            "(allowed: 12 characters or more; a demo may say public_password: true)",
        ),
        (
            "[pcmu, G722]",
            "[pcmu, mp3]",
            "f.yaml:10: tenants[0].extensions[0].devices[0].codecs[1]: 'mp3' is not a codec "
            "(allowed: opus | g722 | pcma | pcmu | l16 | telephone-event | cn | g729 | gsm | ilbc)",
        ),
        (
            "[pcmu, G722]",
            "[pcmu, PCMU]",
            "f.yaml:10: tenants[0].extensions[0].devices[0].codecs: pcmu is listed twice (allowed: each once)",
        ),
        (
            "target: echo",
            "target: ehco",
            "f.yaml:14: tenants[0].numbers[0].dest.target: 'ehco' is not known here (allowed: echo | own_number)",
        ),
        (
            "{type: feature, target: echo}",
            "{type: feature, tarket: echo, target: echo}",
            "f.yaml:14: tenants[0].numbers[0].dest.tarket: is no setting here (allowed: type | target)",
        ),
        (
            "{type: feature, target: echo}",
            "{type: magic}",
            "f.yaml:14: tenants[0].numbers[0].dest.type: 'magic' is not a type of destination "
            "(allowed: extension | external | feature | prompt | tone | hangup | conference)",
        ),
        (
            "{type: feature, target: echo}",
            "{target: echo}",
            "f.yaml:14: tenants[0].numbers[0].dest: has no type (allowed: a destination with its type)",
        ),
        (
            "{type: feature, target: echo}",
            "{type: prompt, name: x, plays: 2, loop: true}",
            "f.yaml:14: tenants[0].numbers[0].dest: plays and loop exclude each other (allowed: one of them)",
        ),
        (
            'number: "*60"',
            "number: 102",
            "f.yaml:14: tenants[0].numbers[0].number: 102 belongs to extension 102 already (allowed: each once)",
        ),
        (
            "{number: 102, r",
            '{number: "0101", r',
            "f.yaml:12: tenants[0].extensions[1].number: 0101 belongs to extension 0101 already (allowed: each once)",
        ),
        (
            "ring_timeout: 5, max_calls: null",
            "devices: [{username: ann, password: another-password}]",
            "f.yaml:12: tenants[0].extensions[1].devices[0].username: user name ann belongs to device 0101 "
            "already (allowed: a user name of its own)",
        ),
        (
            '{type: extension, number: "0101"}',
            "{type: extension, number: 999}",
            "f.yaml:22: dids[0].dest.number: tenant acme has no extension 999 (allowed: 0101 | 102)",
        ),
        (
            "{type: external, trunk: line}",
            "{type: external, trunk: lime}",
            "f.yaml:23: dids[1].dest.trunk: tenant acme has no trunk lime (allowed: line)",
        ),
        (
            "trunk: line, tenant",
            "trunk: lime, tenant",
            "f.yaml:23: dids[1].trunk: there is no trunk lime (allowed: line)",
        ),
        (
            '"+4930123", tenant: acme',
            '"+4930123", tenant: acne',
            "f.yaml:22: dids[0].tenant: there is no tenant acne (allowed: acme)",
        ),
        (
            '"192.0.2.1:5070"',
            '"192.0.2.1:99999"',
            "f.yaml:20: trunks[0].source_ips[0]: '192.0.2.1:99999' is not a source: port '99999' is not within "
            "1-65535 (allowed: address, address:port, [IPv6]:port or network)",
        ),
        (
            "10.0.0.0/8",
            "10.0.0.1/8",
            "f.yaml:11: tenants[0].extensions[0].devices[0].allowed_nets[0]: '10.0.0.1/8' is not a network: "
            "10.0.0.1/8 has host bits set (allowed: address or network like 10.0.0.0/8)",
        ),
        (
            "extensions:",
            "extensions: 7\n    x:",
            "f.yaml:5: tenants[0].extensions: '7' stands where a list must be (allowed: a list)",
        ),
    ],
)
def test_error_names_line_field_and_what_is_allowed(old: str, new: str, expected: str) -> None:
    assert expected in errors_of(changed(old, new))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tenants: [\n", "f.yaml:2: is not YAML: did not find expected node content"),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "f.yaml:4: b.c: is given twice (first in line 3)"),
        ("a: &x 1\n", "f.yaml:1: a: anchors and aliases are not supported; write the value out"),
        (
            "a: !!python/object:os.system x\n",
            "f.yaml:1: a: tag tag:yaml.org,2002:python/object:os.system is not supported",
        ),
        ("---\na: 1\n---\nb: 1\n", "f.yaml:3: a second document begins; use one file for each"),
        ("? [a]\n: 1\n", "f.yaml:1: a key must be text"),
        ("- 1\n", "f.yaml:1: the file must hold settings (allowed: tenants, trunks, dids)"),
        ("nonsense: 1\n", "f.yaml:1: nonsense: is no setting here (allowed: tenants | trunks | dids)"),
    ],
)
def test_what_is_no_document(text: str, expected: str) -> None:
    assert expected in errors_of(text)


def test_deep_nesting_is_refused() -> None:
    (error,) = errors_of("[" * 900)
    assert f"nested deeper than {MAX_DEPTH} levels" in error


def test_empty_file_is_an_empty_configuration() -> None:
    for text in ("", "# nothing\n", "tenants: []\n"):
        assert snapshot_of(text).tenants == {}


def test_password_is_never_in_an_error() -> None:
    for secret in ("hunter2", "[hunter2]", "{a: hunter2}", "hunter2" * 30):
        for error in errors_of(changed("password: a-long-password", f"password: {secret}")):
            assert "hunter2" not in error


def write(directory: Path, **texts: str) -> list[Path]:
    paths = []
    for name, text in texts.items():
        path = directory / f"{name}.yaml"
        path.write_text(text)
        paths.append(path)
    return paths


def test_files_merge(tmp_path: Path) -> None:
    paths = write(
        tmp_path,
        one="tenants:\n- {key: acme, domain: acme.example, extensions: [{number: 11}]}\n",
        two="tenants:\n- key: acme\n  domain: acme.example\n  extensions: [{number: 12}]\n"
        "dids:\n- {number: 55, tenant: acme, dest: {type: extension, number: 11}}\n",
    )
    assert list(snapshot_of_files(*paths).tenants["acme"].extensions) == ["11", "12"]


def test_files_that_contradict_each_other_are_refused_at_the_second(tmp_path: Path) -> None:
    one, two = write(
        tmp_path,
        one="tenants:\n- {key: acme, domain: acme.example, extensions: [{number: 11}]}\n",
        two="tenants:\n- key: acme\n  domain: other.example\n  extensions:\n  - {number: 11}\n",
    )
    _, errors = load_documents([one, two])
    assert errors == [
        ConfigError(str(two), 3, "tenants[0].domain", f"is set to something else in {one}:2"),
        ConfigError(str(two), 5, "tenants[0].extensions[0].number", "11 belongs to extension 11 already", "each once"),
    ]


def test_same_tenant_twice_in_one_file_is_a_duplicate() -> None:
    text = "tenants:\n- {key: acme, domain: a.example}\n- {key: acme, domain: b.example}\n"
    assert errors_of(text) == ["f.yaml:3: tenants[1].key: acme belongs to tenant acme already (allowed: each once)"]


def test_two_trunks_of_one_source_are_refused() -> None:
    text = "trunks:\n- {name: a, source_ips: [192.0.2.1]}\n- {name: b, source_ips: [192.0.2.1/32]}\n"
    assert errors_of(text) == [
        "f.yaml:3: trunks[1].source_ips[0]: trunk a has this source already (allowed: a source of its own)"
    ]


def test_two_tenants_cannot_share_the_own_address() -> None:
    text = "tenants:\n" + "".join(f"- {{key: t{n}, domain: t{n}.example, own_address: true}}\n" for n in range(2))
    assert errors_of(text) == [
        "f.yaml:3: tenants[1].own_address: tenant t0 already has the server's own address (allowed: one tenant)"
    ]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("missing.yaml", None, "missing.yaml: cannot be read: No such file or directory"),
        ("latin.yaml", b"a: \xff\n", "latin.yaml: is not UTF-8 text (byte 3)"),
    ],
)
def test_unreadable_files(tmp_path: Path, name: str, content: bytes | None, expected: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    _, errors = load_documents([tmp_path / name])
    assert [str(error).removeprefix(f"{tmp_path}/") for error in errors] == [expected]


def test_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbftenants: []\n")
    assert load_documents([tmp_path / "bom.yaml"])[1] == []


@given(st.text(alphabet='ab:-{}[]"&*!|>#%@?, \n\t\x00\x85\u2028', max_size=60))
def test_any_text_gives_errors_and_never_raises(text: str) -> None:
    try:
        tree = parse_tree(text, "f.yaml")
    except TreeError as error:
        assert error.error.file == "f.yaml"  # noqa: PT017
        return
    validate([tree])


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab1 ", max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["key", "domain", "extensions", "number", "numbers", "dest", "type", "devices", "peers"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["tenants", "trunks", "dids"]), _json, max_size=3))
def test_any_tree_gives_errors_with_lines(value: object) -> None:
    import json

    document, errors = validate([parse_tree(json.dumps(value), "f.yaml")])
    assert (document is None) == bool(errors)
    assert all(error.line >= 1 for error in errors)


def test_examples_are_fine() -> None:
    demo = snapshot_of_files(EXAMPLES / "demo.yaml")
    tenant = demo.tenants["demo"]
    assert (tenant.domain, tenant.digest_algorithms[0]) == ("demo.local", "MD5")
    assert demo.own_address is tenant
    assert list(tenant.extensions) == [str(number) for number in range(1001, 1011)]
    assert tenant.devices["1010"].ha1["1010", "MD5"] == ha1("1010", "demo.local", "demo-1010", "MD5")
    assert tenant.numbers == {
        "*60": FeatureDestination(target="echo"),
        "*62": FeatureDestination(target="own_number"),
        "8000": ConferenceDestination(room="8000", max_members=20, quiet=False, moh_when_alone=True),
    }

    bench = snapshot_of_files(EXAMPLES / "bench.yaml")
    trunk = bench.trunk_from("127.0.0.1", 5070)
    assert trunk is not None
    assert trunk.name == "load-in"
    assert bench.trunks["load-out"].peers == (("127.0.0.1", 5080),)
    dids = bench.tenants[trunk.tenant or ""].dids
    assert dids["load-in", "9001"].destination == ExternalDestination(number=None, trunk="load-out")
    assert dids["load-in", "9004"].destination == PromptDestination(name="welcome", plays=None)
    assert dids["load-in", "9005"].destination == FeatureDestination(target="echo")
