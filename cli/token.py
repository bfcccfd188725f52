"""`cordboard token`: make, list and revoke tokens of the API."""

from __future__ import annotations

import argparse
import re

from cli.channel import Json
from cli.question import parser, run
from cli.table import table

USAGE = """usage: cordboard token create --role platform|tenant [--tenant KEY] [--read-only] [--expires 90d]
                              [--from NET ...] [--name NAME]
       cordboard token list [--tenant KEY]
       cordboard token revoke TOKEN
"""


def token(arguments: list[str]) -> int:
    """`cordboard token`."""
    verbs = {"create": _create, "list": _list, "revoke": _revoke}
    verb = verbs.get(arguments[0]) if arguments else None
    if verb is None:
        print(USAGE, end="")
        return 0 if arguments and arguments[0] in ("-h", "--help") else 2
    return verb(arguments[1:])


def _create(arguments: list[str]) -> int:
    made = parser("token create", "Make a token; its secret is printed this once.")
    made.add_argument("--role", choices=("platform", "tenant"), required=True, help="reaches everything, or one tenant")
    made.add_argument("--tenant", metavar="KEY", help="the tenant, for role tenant")
    made.add_argument("--read-only", action="store_true", help="may look and change nothing")
    made.add_argument("--expires", type=_days, metavar="90d", help="days that it is good for; without: for ever")
    made.add_argument("--from", dest="nets", nargs="+", default=[], metavar="NET", help="used from these networks only")
    made.add_argument("--name", help="what it is for")
    options = made.parse_args(arguments)
    if (options.role == "tenant") != (options.tenant is not None):
        made.error("--role tenant takes --tenant KEY, --role platform does not")
    wish: Json = {
        "name": options.name,
        "read_only": options.read_only,
        "expires_days": options.expires,
        "allowed_nets": options.nets,
    }
    path = ("tokens",) if options.tenant is None else ("tenants", options.tenant, "tokens")
    return run(options, lambda channel, given: channel.post(*path, body=wish), _made)


def _days(text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,4})d", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days like 90d")
    return int(found[1])


def _made(found: Json) -> str:
    return str(found["secret"])


def _list(arguments: list[str]) -> int:
    made = parser("token list", "Tokens that live.")
    made.add_argument("--tenant", metavar="KEY", help="of this tenant only")
    options = made.parse_args(arguments)
    return run(options, lambda channel, given: channel.get("tokens", tenant=given.tenant, limit=500), _listed)


def _listed(found: Json) -> str:
    if not found["items"]:
        return "no tokens"
    heads = ("token", "name", "role", "tenant", "rights", "expires", "from", "last used")
    return table(
        heads,
        [
            (
                row["id"],
                row["name"],
                row["role"],
                row["tenant"],
                "read" if row["read_only"] else "all",
                row["expires_at"],
                ", ".join(row["allowed_nets"]) or None,
                row["last_used"],
            )
            for row in found["items"]
        ],
    )


def _revoke(arguments: list[str]) -> int:
    made = parser("token revoke", "Make a token worthless, now.")
    made.add_argument("token", help="its id, as `token list` shows it; the whole token will do")
    options = made.parse_args(arguments)
    # Pasted whole, its secret goes no further than this process.
    name = options.token.split("_")[1] if options.token.startswith("cbt_") else options.token
    return run(options, lambda channel, given: channel.delete("tokens", name), lambda found: f"token {name} is revoked")
