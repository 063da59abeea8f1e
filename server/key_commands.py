"""``likeness keys``: add, list and remove the keys that open a server to other machines."""

import argparse
import sys
from datetime import UTC, datetime, timedelta

from server.key_file import KeyFile, KeyFileError, kept_at
from server.keys import Key, Scope

ERRORS = (KeyFileError,)
_MOST_DAYS = 36_500


def add_options(keys: argparse.ArgumentParser) -> None:
    """Give ``likeness keys`` its verbs; each sets ``run``, which takes the parsed options."""
    verbs = keys.add_subparsers(required=True, dest="verb")

    add = verbs.add_parser("add", help="make a key and print it, once")
    add.add_argument("name", metavar="NAME", help="to know it by, such as the device it is for")
    add.add_argument(
        "--scope",
        action="append",
        required=True,
        choices=[scope.value for scope in Scope],
        help="what it allows; may be given again. publish: call, upload portraits."
        " view: see what viewers see. admin: avatars, metrics, everything else",
    )
    add.add_argument("--expires-days", type=_days, metavar="N", help="days it is good for (ever)")
    add.set_defaults(run=_add)

    show = verbs.add_parser("list", help="show the keys, without their secrets")
    show.set_defaults(run=_list)

    remove = verbs.add_parser("remove", help="take a key away: it opens nothing any more")
    remove.add_argument("name", metavar="NAME")
    remove.set_defaults(run=_remove)


def _add(options: argparse.Namespace) -> int:
    now = datetime.now(UTC).replace(microsecond=0)
    expires = None if options.expires_days is None else now + timedelta(options.expires_days)
    scopes = frozenset(Scope(scope) for scope in options.scope)
    secret = KeyFile(kept_at()).add(options.name, scopes, now, expires)
    # Alone on stdout, so that a script can take it from there.
    print(secret)
    print("This is the only time that the key is shown: keep it now.", file=sys.stderr)
    return 0


def _list(_: argparse.Namespace) -> int:
    known = KeyFile(kept_at()).current()
    if not known:
        print(
            "no keys: only this machine is served (`likeness keys add` makes one, `likeness serve"
            " --host 0.0.0.0` lets others reach it)"
        )
        return 0
    now = datetime.now(UTC)
    rows = [("NAME", "ID", "SCOPES", "MADE", "EXPIRES")]
    rows += [
        (
            key.name,
            key.id,
            ",".join(sorted(scope.value for scope in key.scopes)),
            f"{key.created:%Y-%m-%d}",
            _expiry(key, now),
        )
        for key in known
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
    return 0


def _remove(options: argparse.Namespace) -> int:
    KeyFile(kept_at()).remove(options.name)
    return 0


def _expiry(key: Key, now: datetime) -> str:
    if key.expires is None:
        return "never"
    return f"{key.expires:%Y-%m-%d}" + (" (expired)" if key.has_expired(now) else "")


def _days(text: str) -> int:
    """Whole days, 1 to a century; argparse tells the rest."""
    try:
        days = int(text)
    except ValueError:
        days = 0
    if not 1 <= days <= _MOST_DAYS:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected 1 to {_MOST_DAYS} whole days")
    return days
