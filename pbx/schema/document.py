"""The configuration document: everything that files can configure."""

from __future__ import annotations

from pbx.schema.tenant import Tenant
from pbx.schema.trunk import Did, Trunk
from pbx.schema.values import Model


class Document(Model):
    """Everything that files can configure."""

    tenants: tuple[Tenant, ...] = ()
    trunks: tuple[Trunk, ...] = ()
    dids: tuple[Did, ...] = ()
