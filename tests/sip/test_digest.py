"""Digest authentication against the vectors of its RFCs."""

from __future__ import annotations

import pytest

from sip.digest import (
    ALGORITHMS,
    Challenge,
    authorization,
    challenge_headers,
    choose,
    find_credentials,
    ha1,
    parse_challenge,
    parse_credentials,
    verify,
)
from sip.errors import LocalError, MalformedHeader

RFC_2617 = (  # RFC 2617 §3.5
    'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
    'uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", '
    'response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
)
RFC_2069 = (  # RFC 2069 §2.4 with its erratum 749
    'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
    'uri="/dir/index.html", response="1949323746fe6a43ef61f9606e7febea"'
)
RFC_7616 = (  # RFC 7616 §3.9.1
    'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm={algorithm}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
    'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="{response}", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
MD5_RESPONSE = "8ca523f5e9506fed4657c9700eebdbec"
SHA_256_RESPONSE = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"


def test_rfc_2617_example() -> None:
    secret = ha1("Mufasa", "testrealm@host.com", "Circle Of Life")
    assert secret == "939e7578ed9e3c518a452acee763bce9"
    assert verify(parse_credentials(RFC_2617), "GET", secret)
    assert not verify(parse_credentials(RFC_2617), "PUT", secret)


def test_rfc_2069_form_without_qop() -> None:
    credentials = parse_credentials(RFC_2069)
    assert (credentials.qop, credentials.nonce_count) == ("", 0)
    assert verify(credentials, "GET", ha1("Mufasa", "testrealm@host.com", "CircleOfLife"))


@pytest.mark.parametrize(("algorithm", "response"), [("MD5", MD5_RESPONSE), ("SHA-256", SHA_256_RESPONSE)])
def test_rfc_7616_examples(algorithm: str, response: str) -> None:
    secret = ha1("Mufasa", "http-auth@example.org", "Circle of Life", algorithm)
    row = RFC_7616.format(algorithm=algorithm, response=response)
    assert verify(parse_credentials(row), "GET", secret)
    assert not verify(parse_credentials(row.replace("nc=00000001", "nc=00000002")), "GET", secret)
    challenge = Challenge(
        realm="http-auth@example.org",
        nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        algorithm=algorithm,
        qop=("auth", "auth-int"),
        opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
    )
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    ours = authorization(challenge, "GET", "/dir/index.html", "Mufasa", "Circle of Life", 1, cnonce)
    assert parse_credentials(ours) == parse_credentials(row)


def test_sha_512_256_is_the_fips_function_and_no_truncated_sha_512() -> None:
    assert ALGORITHMS["SHA-512-256"](b"abc") == (
        "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"  # FIPS 180-4 example
    )


@pytest.mark.parametrize("algorithm", [name + suffix for name in ALGORITHMS for suffix in ("", "-sess")])
@pytest.mark.parametrize("qop", [(), ("auth",), ("auth-int",)])
def test_what_we_answer_we_accept(algorithm: str, qop: tuple[str, ...]) -> None:
    challenge = Challenge(realm='a "quoted" realm', nonce="n\\once", algorithm=algorithm, qop=qop)
    row = authorization(challenge, "REGISTER", "sip:example.com", 'bö"b', "pass", 7, "c", b"body")
    credentials = parse_credentials(row)
    secret = ha1('bö"b', 'a "quoted" realm', "pass", algorithm)
    assert credentials.username == 'bö"b'
    assert credentials.nonce_count == (7 if qop else 0)
    assert verify(credentials, "REGISTER", secret, b"body")
    assert verify(credentials, "REGISTER", secret, b"other") == (qop != ("auth-int",))
    assert not verify(credentials, "REGISTER", secret[::-1], b"body")


def test_challenge_has_one_row_per_algorithm_in_order() -> None:  # RFC 8760 §2.3
    rows = challenge_headers("example.com", "abc", ["SHA-256", "MD5"], stale=True)
    assert rows == [
        'Digest realm="example.com", nonce="abc", algorithm=SHA-256, qop="auth", stale=true',
        'Digest realm="example.com", nonce="abc", algorithm=MD5, qop="auth", stale=true',
    ]
    assert parse_challenge(rows[0]) == Challenge(
        realm="example.com", nonce="abc", algorithm="SHA-256", qop=("auth",), stale=True
    )
    with pytest.raises(LocalError, match="SHA-3"):
        challenge_headers("example.com", "abc", ["SHA-3"])


def test_the_servers_order_decides() -> None:  # RFC 8760 §2.4
    rows = challenge_headers("r", "n", ["SHA-512-256", "SHA-256", "MD5"])
    challenges = [parse_challenge(row) for row in rows]
    assert choose(challenges) is challenges[0]
    assert choose(challenges, ["MD5", "SHA-256"]) is challenges[1]
    assert choose([parse_challenge('Digest realm="r", nonce="n", algorithm=SHA-3')]) is None
    assert choose([Challenge(realm="r", nonce="n", qop=("token",))]) is None


@pytest.mark.parametrize(
    "row",
    [
        "",
        "Basic YTpi",
        "Digest",
        "Digest username",
        'Digest username="a',
        'Digest username="a" realm="b"',
        'Digest username="a",, realm="b"',
        'Digest username="a", username="b", realm="c", nonce="d", uri="e", response="f"',
        RFC_2617.replace("nc=00000001", "nc=1"),
        RFC_2617.replace("nc=00000001", "nc=0000000g"),
        RFC_2617.replace('cnonce="0a4f113b", ', ""),
        RFC_2617.replace('uri="/dir/index.html", ', ""),
        "Digest " + ", ".join(f"x{n}=1" for n in range(40)),
    ],
)
def test_broken_credentials(row: str) -> None:
    with pytest.raises(MalformedHeader):
        parse_credentials(row)


def test_unknown_algorithm_and_qop_never_verify() -> None:
    secret = ha1("Mufasa", "testrealm@host.com", "Circle Of Life")
    assert not verify(parse_credentials(RFC_2617 + ", algorithm=MD6"), "GET", secret)
    assert not verify(parse_credentials(RFC_2617.replace("qop=auth", "qop=auth-conf")), "GET", secret)


def test_lower_case_algorithm_and_scheme_pass() -> None:
    row = RFC_2617.replace("Digest", "DIGEST") + ",algorithm=md5"
    assert parse_credentials(row).algorithm == "MD5"


def test_credentials_are_found_by_realm() -> None:
    rows = ["NoOneKnowsThisScheme opaque-data=here", RFC_7616.format(algorithm="MD5", response="x"), RFC_2617]
    assert find_credentials(rows, "testrealm@host.com") == parse_credentials(RFC_2617)
    assert find_credentials(rows, "elsewhere") is None
    assert find_credentials([], "elsewhere") is None
    with pytest.raises(MalformedHeader):
        find_credentials(["Digest username"], "elsewhere")
