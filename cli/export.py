"""`cordboard export`: the configuration of the running server as a YAML document."""

from __future__ import annotations

import sys

from cli.channel import Channel, NotRunning, Refused
from cli.question import DONE, FAILED, NOT_RUNNING, parser

EXPORT_S = 120.0


def export(arguments: list[str]) -> int:
    """`cordboard export`."""
    made = parser("export", "Print the configuration as a document that `cordboard apply` takes.", json=False)
    made.add_argument("--tenant", metavar="KEY", help="what belongs to this tenant only")
    options = made.parse_args(arguments)
    try:
        text = Channel(options.data, timeout_s=EXPORT_S).text("configuration", "export", tenant=options.tenant)
    except NotRunning as error:
        print(f"cordboard: {error}", file=sys.stderr)
        return NOT_RUNNING
    except Refused as error:
        print(f"cordboard: {error}", file=sys.stderr)
        return FAILED
    print(text, end="")
    return DONE
