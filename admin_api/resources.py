"""Resources: the kinds of configuration objects that the API serves, each from one entry of one table."""

from __future__ import annotations

from typing import Final

from admin_api.query import Param
from admin_api.resource import Resource
from pbx.schema.tenant import DirectoryNumber, Extension, TenantSettings
from pbx.schema.trunk import Did, Trunk

_NAME: Final = Param(name="name", about="holds this text, in any case", compare="contains")
_STATUS: Final = Param(name="status", about="with this status", allowed=("enabled", "disabled"))

RESOURCES: Final[dict[str, Resource]] = {
    "tenants": Resource(
        name="tenants",
        noun="tenant",
        kind="tenant",
        path="/tenants",
        key="key",
        part="tenant",
        model=TenantSettings,
        filters=(
            Param(name="domain", about="with this SIP domain"),
            Param(name="status", about="with this status", allowed=("active", "suspended", "closed")),
        ),
        sorts=("key", "-key", "domain", "-domain"),
        about="Customers of this server: each has a SIP domain and everything below it. Nothing crosses tenants.",
        example={"key": "acme", "domain": "sip.acme.example"},
    ),
    "extensions": Resource(
        name="extensions",
        noun="extension",
        kind="extension",
        path="/tenants/{tenant}/extensions",
        key="number",
        part="extension",
        model=Extension,
        scoped=True,
        tenant_writes=True,
        filters=(
            _NAME,
            _STATUS,
            Param(name="number", about="begins with these digits", pattern="[0-9]{1,8}", compare="begins"),
        ),
        sorts=("key", "-key", "name", "-name"),
        about="Internal numbers that a person can be dialled by, with the devices that ring.",
        example={
            "number": "1001",
            "name": "Ann",
            "devices": [{"username": "1001", "password": "correct-horse-battery"}],
        },
    ),
    "numbers": Resource(
        name="numbers",
        noun="directory number",
        kind="number",
        path="/tenants/{tenant}/numbers",
        key="number",
        part="number",
        model=DirectoryNumber,
        scoped=True,
        tenant_writes=True,
        filters=(
            Param(name="number", about="begins so", pattern="[0-9*#]{1,16}", compare="begins"),
            Param(
                name="dest.type",
                about="with a destination of this type",
                allowed=("extension", "external", "feature", "prompt", "tone", "hangup", "conference"),
            ),
        ),
        sorts=("key", "-key"),
        about="Other numbers of the internal directory, such as *60 for the echo test.",
        example={"number": "*60", "dest": {"type": "feature", "target": "echo"}},
    ),
    "trunks": Resource(
        name="trunks",
        noun="trunk",
        kind="trunk",
        path="/trunks",
        key="name",
        part="trunk",
        model=Trunk,
        filters=(
            _STATUS,
            Param(name="tenant", about="of this tenant"),
            Param(name="transport", about="by this transport", allowed=("udp", "tcp", "tls")),
        ),
        sorts=("key", "-key"),
        about="Peers outside: carriers and gateways.",
        example={"name": "carrier", "peers": [{"host": "192.0.2.7"}], "source_ips": ["192.0.2.7"]},
    ),
    "dids": Resource(
        name="dids",
        noun="access number",
        kind="did",
        path="/tenants/{tenant}/dids",
        key="number",
        part="did",
        model=Did,
        owner="tenant",
        filters=(
            Param(name="number", about="begins so", pattern=r"\+?[0-9]{0,20}", compare="begins"),
            Param(name="trunk", about="by this trunk"),
        ),
        sorts=("key", "-key"),
        about="Access numbers: where calls from outside go. The key is `number`, or `number@trunk`.",
        example={"number": "+4930123456", "dest": {"type": "extension", "number": "1001"}},
    ),
}
