"""`lumina user`: people who log in with a password."""

from __future__ import annotations

import getpass
import sys
from urllib.parse import quote

from rich.table import Table

from lumina_hub.cli.connection import connect
from lumina_hub.cli.failures import MISUSED, Failure
from lumina_hub.cli.options import Globals
from lumina_hub.cli.output import data, moment, print_json, print_raw_json
from lumina_sdk.contract import User, Users

__all__ = ["add", "listing", "passwd", "remove"]

_USERS = "/api/v1/users"


async def add(said: Globals, name: str, *, role: str, from_stdin: bool) -> None:
    password = _password(from_stdin)
    async with connect(said) as hub:
        body = await hub.post(_USERS, {"name": name, "role": role, "password": password})
    if said.json:
        print_raw_json(body)
        return
    user = User.model_validate_json(body)
    data().print(f"Added {user.name}, {user.role.value}.", markup=False)


async def listing(said: Globals) -> None:
    async with connect(said) as hub:
        body = await hub.get(_USERS)
    if said.json:
        print_raw_json(body)
        return
    users = Users.model_validate_json(body).users
    if not users:
        data().print("No users. Add one with: lumina user add NAME")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("name", "role", "added", "last login"):
        table.add_column(column)
    for user in users:
        seen = moment(user.last_login_at) if user.last_login_at is not None else "never"
        role = user.role.value + (" (disabled)" if user.disabled else "")
        table.add_row(user.name, role, moment(user.created_at), seen)
    data().print(table)


async def passwd(said: Globals, name: str, *, from_stdin: bool) -> None:
    password = _password(from_stdin)
    async with connect(said) as hub:
        body = await hub.patch(f"{_USERS}/{quote(name, safe='')}", {"password": password})
    if said.json:
        print_raw_json(body)
        return
    data().print(f"{name} has a new password; every session of {name} has ended.", markup=False)


async def remove(said: Globals, name: str) -> None:
    async with connect(said) as hub:
        await hub.delete(f"{_USERS}/{quote(name, safe='')}")
    if said.json:
        print_json({"removed": name})
        return
    data().print(f"Removed {name}, with all sessions and tokens. What {name} asked stays in the log.", markup=False)


def _password(from_stdin: bool) -> str:
    """Never an argument: other users of the machine see those."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise Failure(
            "There is no terminal to type a password at.",
            hint="Send it with --password-stdin: one line on standard input.",
            status=MISUSED,
        )
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("Again: "):
        raise Failure("The two passwords differ.", hint="Run the command again.", status=MISUSED)
    return first
