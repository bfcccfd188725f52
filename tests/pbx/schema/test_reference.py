"""The reference page names every field that a document may have, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pbx.schema.tenant import Device, DirectoryNumber, Extension, Tenant
from pbx.schema.trunk import Did, Peer, Trunk
from pbx.schema.values import Model

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "configuration.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("model", [Tenant, Extension, Device, DirectoryNumber, Trunk, Peer, Did])
def test_every_field_is_on_the_page(model: type[Model]) -> None:
    assert not [name for name in model.model_fields if f"`{name}`" not in PAGE]


@pytest.mark.parametrize(
    ("section", "model"), [("## tenants", Tenant), ("### extensions", Extension), ("### devices", Device)]
)
def test_the_tables_name_no_other_field(section: str, model: type[Model]) -> None:
    table = PAGE.split(f"{section}\n", 1)[1].split("\n#", 1)[0]
    named = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert named == list(model.model_fields)
