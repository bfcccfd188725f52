"""Certificates: an authority of the test's own, and what the server shows."""

from __future__ import annotations

import os
from pathlib import Path

import trustme


class Authority:
    """Issues certificates; `file` is what phones trust."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "authority.pem"
        self._folder = folder
        self._ca = trustme.CA()
        self._ca.cert_pem.write_to_path(str(self.file))

    def write(self, path: Path, *names: str) -> None:
        """Put a new certificate for these names, with its key, at a path, in one step."""
        fresh = self._folder / f"{path.name}.new"
        self._ca.issue_cert(*names).private_key_and_cert_chain_pem.write_to_path(str(fresh))
        os.replace(fresh, path)
