"""`cordboard check`: say what is wrong with configuration files; the server need not run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pbx.schema.loading import load_documents


def check(files: Sequence[Path | str]) -> int:
    """Validate the files as one document; print every error as one line. Exit status 0 or 1."""
    parsed, errors = load_documents([Path(file) for file in files])
    for error in errors:
        print(error, file=sys.stderr)
    if parsed is None:
        return 1
    print(
        f"{len(files)} file(s) are fine: {parsed.count('tenant')} tenant(s), {parsed.count('extension')} extension(s), "
        f"{parsed.count('trunk')} trunk(s), {parsed.count('did')} access number(s)"
    )
    return 0
