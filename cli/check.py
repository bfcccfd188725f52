"""`cordboard check`: say what is wrong with configuration files; the server need not run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pbx.schema.loading import load_documents


def check(files: Sequence[Path | str]) -> int:
    """Validate the files as one document; print every error as one line. Exit status 0 or 1."""
    document, errors = load_documents([Path(file) for file in files])
    for error in errors:
        print(error, file=sys.stderr)
    if document is None:
        return 1
    extensions = sum(len(tenant.extensions) for tenant in document.tenants)
    print(
        f"{len(files)} file(s) are fine: {len(document.tenants)} tenant(s), {extensions} extension(s), "
        f"{len(document.trunks)} trunk(s), {len(document.dids)} access number(s)"
    )
    return 0
