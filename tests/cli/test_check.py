"""`cordboard check`."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.check import check


def test_good_files(capsys: pytest.CaptureFixture[str]) -> None:
    examples = Path(__file__).parents[2] / "examples"
    assert check([examples / "bench.yaml"]) == 0
    out, err = capsys.readouterr()
    numbers = (examples / "bench.yaml").read_text(encoding="utf-8").count('- number: "900')
    assert out == f"1 file(s) are fine: 1 tenant(s), 1 extension(s), 2 trunk(s), {numbers} access number(s)\n"
    assert err == ""


def test_errors_are_one_line_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("tenants:\n- key: x\n  domain: x.example\n")
    assert check([str(path)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"{path}:2: tenants[0].key: 'x' is not a tenant key (allowed: [a-z0-9-]{{2,32}})\n"
