"""Settings: file, environment, references, and errors that name their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbx.settings import Settings, SettingsError, load_settings


def test_defaults() -> None:
    assert load_settings(None, {"PATH": "/bin"}) == Settings()


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "cordboard.toml"
    path.write_text(
        '[sip]\nlisten = ["192.0.2.1", "2001:db8::1"]\nudp_port = 5070\n[data]\ndirectory = "/srv/x"\n'
        '[log]\nlevel = "debug"\n'
    )
    environ = {
        "CORDBOARD_SIP_UDP_PORT": "5080",
        "CORDBOARD_MEDIA_PORT_MIN": "20000",
        "CORDBOARD_SIP_PUBLIC_ADDRESS": "",
        "CORDBOARD_LOG_FORMAT": "json",
    }
    settings = load_settings(path, environ)
    assert settings.sip.listen == ("192.0.2.1", "2001:db8::1")
    assert (settings.sip.udp_port, settings.sip.public_address) == (5080, None)
    assert (settings.media.port_min, settings.media.port_max) == (20000, 29999)
    assert settings.data.directory == Path("/srv/x")
    assert (settings.log.level, settings.log.format) == ("debug", "json")


def test_switches() -> None:
    assert load_settings(None, {"CORDBOARD_HTTP_ENABLED": "False"}).http.enabled is False
    assert load_settings(None, {"CORDBOARD_HTTP_ENABLED": "true", "CORDBOARD_TRACE_SIZE_MB": "0"}).http.enabled is True


def test_certificates(tmp_path: Path) -> None:
    path = tmp_path / "cordboard.toml"
    path.write_text(
        "[tls]\ncertificate = '/c/all.pem'\n[tls.domains]\n'a.example' = '/c/a.pem'\n"
        "'b.example' = ['/c/b.pem', '/c/b.key']\n"
    )
    settings = load_settings(path, {"CORDBOARD_TLS_KEY": "", "CORDBOARD_SIP_TCP_PORT": "0"})
    assert (settings.tls.certificate, settings.tls.key, settings.sip.tcp_port) == (Path("/c/all.pem"), None, 0)
    assert settings.tls.domains == {"a.example": ("/c/a.pem",), "b.example": ("/c/b.pem", "/c/b.key")}
    environ = {"CORDBOARD_TLS_DOMAINS": "b.example=/c/b.pem:/c/b.key, c.example=/c/c.pem", "CORDBOARD_TLS_KEY": "/k"}
    tls = load_settings(path, environ).tls
    assert tls.domains == {"b.example": ("/c/b.pem", "/c/b.key"), "c.example": ("/c/c.pem",)}
    assert tls.key == Path("/k")


def test_lists_in_the_environment_have_commas() -> None:
    settings = load_settings(None, {"CORDBOARD_SIP_LISTEN": "127.0.0.1, 192.0.2.1"})
    assert settings.sip.listen == ("127.0.0.1", "192.0.2.1")


def test_references_are_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("192.0.2.7\n")
    environ = {
        "CORDBOARD_MEDIA_ADDRESS": f"file:{secret}",
        "CORDBOARD_SIP_PUBLIC_ADDRESS": "env:MY_ADDRESS",
        "MY_ADDRESS": "192.0.2.8",
    }
    settings = load_settings(None, environ)
    assert (settings.media.address, settings.sip.public_address) == ("192.0.2.7", "192.0.2.8")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[spi]\n",
            "FILE: there is no section 'spi' (allowed: sip | tls | media | data | log | records | http | trace | "
            "speech | admission)",
        ),
        ("sip = 1\n", "FILE: sip must be a section: write [sip]"),
        (
            "[sip]\nport = 1\n",
            "FILE: sip.port: [sip] has no key 'port' (allowed: listen | udp_port | tcp_port | tls_port | "
            "public_address | max_connections | connections_per_source)",
        ),
        ("[sip]\nudp_port = 70000\n", "FILE: sip.udp_port: 70000 is not within 1-65535"),
        ("[sip]\nudp_port = true\n", "FILE: sip.udp_port: True is not a whole number"),
        ("[sip]\ntcp_port = 70000\n", "FILE: sip.tcp_port: 70000 is not within 0-65535"),
        ("[tls]\nca_file = 'ca.pem'\n", "FILE: tls.ca_file: is of no use without tls.certificate"),
        (
            "[tls]\ncertificate = 'a.pem'\n[tls.domains]\n'b.example' = 7\n",
            "FILE: tls.domains: 'b.example': 7 is neither one file (certificate with key) nor two (certificate, key)",
        ),
        (
            "[tls]\ncertificate = 'a.pem'\ndomains = 7\n",
            "FILE: tls.domains: 7 is not a table (in the environment: DOMAIN=CERTIFICATE:KEY, separated by commas)",
        ),
        ("[sip]\nlisten = [1]\n", "FILE: sip.listen: 1 is not text"),
        ("[sip]\nlisten = ['pbx']\n", "FILE: sip.listen: 'pbx' is not an IP address"),
        ("[sip]\nlisten = []\n", "FILE: sip.listen: [] is not a list (in the environment: separated by commas)"),
        (
            "[log]\nlevel = 'loud'\n",
            "FILE: log.level: 'loud' is not known (allowed: debug | info | warning | error)",
        ),
        (
            "[media]\nport_min = 2000\nport_max = 2000\n",
            "FILE: media.port_min: port_min is not below port_max (2000)",
        ),
        (
            "[http]\nlisten = '0.0.0.0'\n",
            "FILE: http.listen: '0.0.0.0' is not a loopback address: tokens would travel in clear; set "
            "http.tls_certificate, or http.behind_proxy = true where a proxy speaks TLS",
        ),
        ("[http]\ntls_key = 'k.pem'\n", "FILE: http.tls_key: is of no use without http.tls_certificate"),
        ("[http]\nenabled = 1\n", "FILE: http.enabled: 1 is neither true nor false"),
        ("[trace]\nsize_mb = 1\n", "FILE: trace.size_mb: 1 is neither 0 (no trace) nor within 16-1048576"),
        (
            "[speech.voices]\nen = '-x'\n",
            "FILE: speech.voices: voice '-x': give it like `en-us+f3 165`, a name and 80 to 450 words a minute",
        ),
        (
            "[speech]\nvoices = 'en'\n",
            "FILE: speech.voices: {'en': ''} is not a table of texts "
            "(in the environment: NAME=TEXT, separated by commas)",
        ),
        ("[data]\ndirectory = 'env:NOWHERE'\n", "FILE: data.directory: the environment has no variable 'NOWHERE'"),
    ],
)
def test_errors_in_the_file(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "cordboard.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(path, {})
    assert str(caught.value) == expected.replace("FILE", str(path))


def test_other_errors_name_their_place(tmp_path: Path) -> None:
    path = tmp_path / "cordboard.toml"
    with pytest.raises(SettingsError, match=r"cordboard.toml: cannot be read: No such file"):
        load_settings(path, {})
    path.write_bytes(b"\xff = 1")
    with pytest.raises(SettingsError, match=r"cordboard.toml: is not TOML"):
        load_settings(path, {})
    with pytest.raises(SettingsError, match=r"^CORDBOARD_SIP_PORT: \[sip\] has no key 'port'"):
        load_settings(None, {"CORDBOARD_SIP_PORT": "1"})
    with pytest.raises(SettingsError, match=r"^CORDBOARD_MEDIA_WORKERS: 'two' is not a whole number"):
        load_settings(None, {"CORDBOARD_MEDIA_WORKERS": "two"})
    with pytest.raises(SettingsError, match=r"^CORDBOARD_MEDIA_ADDRESS: secret file '/nowhere' cannot be read"):
        load_settings(None, {"CORDBOARD_MEDIA_ADDRESS": "file:/nowhere"})


def test_voices_may_stand_in_the_environment() -> None:
    settings = load_settings(None, {"CORDBOARD_SPEECH_VOICES": "en=en-gb+m3 150, zh=cmn"})
    assert settings.speech.voices == {"en": "en-gb+m3 150", "zh": "cmn"}
