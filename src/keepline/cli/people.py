"""`keepline people` and `keepline token`: accounts of the desk and API tokens, from the machine's own shell.

They write the file of accounts themselves, so they work without a node, and for who has lost every password: whoever
has this shell has the machine. What they decide is in the journal as soon as the desk runs.
"""

import getpass
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keepline.cli.output import DEFAULT_DATA, WRONG_INPUT, CommandFailed, Data
from keepline.cli.paths import span_of

if TYPE_CHECKING:
    from keepline.desk.people.people import People
    from keepline.desk.people.records import Principal
    from keepline.model.people import Role

people = typer.Typer(help="Accounts of the desk.", no_args_is_help=True, rich_markup_mode=None)
token = typer.Typer(help="API tokens of the desk.", no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the account.")]
RoleOf = Annotated[
    str, typer.Option("--role", metavar="ROLE", help="viewer, agent, supervisor, commander, leader, admin.")
]
Why = Annotated[str, typer.Option(metavar="TEXT", help="Why, for the record.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@people.command("add")
def add(name: Name, role: RoleOf, why: Why = "", data: Data = DEFAULT_DATA) -> None:
    """Make an account, and print the link by which its owner chooses a password."""
    with _people(data) as (found, me):
        secret = found.changes.add(me, name, _role(role), "", why)
        typer.echo(f"{name} is {role}; a link for {name} alone, good once, for a day: {link_of(data, secret)}")


@people.command("list")
def list_(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Print every account."""
    with _people(data) as (found, _):
        from keepline.desk.people.api import persons

        for each in persons(found).people:
            if as_json:
                typer.echo(each.model_dump_json())
                continue
            state = (
                "disabled" if each.disabled else each.role if each.has_password else f"{each.role}, link not used yet"
            )
            second = "second factor" if each.has_second_factor else "password alone"
            typer.echo(f"{each.name:<20}  {state:<12}  {second}  {each.sessions} sessions")


@people.command("role")
def role(name: Name, role: RoleOf, why: Why = "", data: Data = DEFAULT_DATA) -> None:
    """Give an account another role, at once."""
    with _people(data) as (found, me):
        found.changes.set_role(me, name, _role(role), why)
        typer.echo(f"{name} is {role}")


@people.command("disable")
def disable(name: Name, why: Why = "", data: Data = DEFAULT_DATA) -> None:
    """Let nobody in by this account, and end its sessions."""
    with _people(data) as (found, me):
        found.changes.set_disabled(me, name, True, why)
        typer.echo(f"{name} is disabled")


@people.command("enable")
def enable(name: Name, why: Why = "", data: Data = DEFAULT_DATA) -> None:
    """Let a disabled account in again."""
    with _people(data) as (found, me):
        found.changes.set_disabled(me, name, False, why)
        typer.echo(f"{name} is enabled")


@people.command("reset")
def reset(name: Name, why: Why = "", data: Data = DEFAULT_DATA) -> None:
    """Take password, second factor and sessions away, and print a link for a new password."""
    with _people(data) as (found, me):
        secret = found.changes.reset(me, name, why)
        typer.echo(f"a link for {name} alone, good once, for a day: {link_of(data, secret)}")


@people.command("first-link")
def first_link(data: Data = DEFAULT_DATA) -> None:
    """Print the link by which the first admin is made; the one before it is good no more."""
    with _people(data) as (found, me):
        typer.echo(link_of(data, found.changes.first_link(me)))


@people.command("break-glass")
def break_glass(
    now: Annotated[bool, typer.Option("--now", help="Print a link that is good for the next five minutes.")] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="Make all sealed codes void.")] = False,
    why: Why = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Print a code for an envelope: whoever has it is admin once, for half an hour, and everybody hears of it."""
    from keepline.desk.people.glass import open_now, seal, unseal

    if now and not why.strip():
        raise CommandFailed("--now: say why, with --why", WRONG_INPUT)
    with _people(data) as (found, me):
        if revoke:
            typer.echo(f"void now: {unseal(found, me)} sealed codes")
        elif now:
            typer.echo(link_of(data, "").replace("/link?code=", f"/break-glass?code={open_now(found, me, why)}"))
        else:
            typer.echo(f"{seal(found, me)}  (good once, at /break-glass; keep it sealed)")


@token.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the token is for.")],
    scope: Annotated[list[str], typer.Option("--scope", metavar="SCOPE", help="What it may; again for another one.")],
    for_: Annotated[str, typer.Option("--for", metavar="SPAN", help="How long it holds: 12h, 90d.")] = "90d",
    data: Data = DEFAULT_DATA,
) -> None:
    """Make an API token, and print it this once."""
    with _people(data) as (found, me):
        typer.echo(found.changes.make_token(me, name, scope, span_of(for_)))


@token.command("list")
def list_tokens(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Print every API token, without what is secret."""
    with _people(data) as (found, _):
        from keepline.desk.people.api import tokens

        for each in tokens(found).tokens:
            if as_json:
                typer.echo(each.model_dump_json())
                continue
            until = time.strftime("%Y-%m-%d %H:%M", time.localtime(each.until))
            state = (
                "revoked" if each.revoked else f"over since {until}" if each.until < time.time() else f"until {until}"
            )
            typer.echo(f"{each.id}  {each.name:<20}  {state}  by {each.by}: {' '.join(each.scopes)}")


@token.command("revoke")
def revoke(
    id_: Annotated[str, typer.Argument(metavar="ID", help="As `keepline token list` has it.")],
    data: Data = DEFAULT_DATA,
) -> None:
    """Make an API token good for nothing, at once."""
    with _people(data) as (found, me):
        typer.echo(f"revoked {found.changes.revoke_token(me, id_).name}")


def first_link_line(data: Path, address: str) -> str:
    """What `keepline up` says where nobody has an account yet; empty where somebody has. `address`: of the desk."""
    with _people(data) as (found, me):
        if found.known().accounts:
            return ""
        secret = found.changes.first_link(me)
    return f"nobody has an account yet; the first one, good once, for a day: {link_of(data, secret, address)}"


def link_of(data: Path, secret: str, address: str = "") -> str:
    """A link as somebody can open it; below the desk's address where a node has said it."""
    if address:
        return f"http://{address}/link?code={secret}"
    from keepline.node.control import read_node_file
    from keepline.node.paths import NodePaths

    match read_node_file(NodePaths(data)).get("http"):
        case [str(host), int(port)]:
            named = f"[{host}]" if ":" in host else host
            return f"http://{named}:{port}/link?code={secret}"
    return f"/link?code={secret}"


@contextmanager
def _people(data: Path) -> "Iterator[tuple[People, Principal]]":
    """The people of a data directory, and who has its shell. What is refused is told in one line."""
    import sqlite3

    from keepline.desk.people.people import People
    from keepline.desk.people.records import How, PeopleRefused, Principal
    from keepline.model.people import GRANTS, Role

    if not data.is_dir():
        raise CommandFailed(f"there is no data directory {data}; --data names the node's", WRONG_INPUT)
    found = People(data)
    try:
        yield found, Principal(getpass.getuser(), How.MACHINE, GRANTS[Role.ADMIN])
    except PeopleRefused as error:
        raise CommandFailed(str(error), WRONG_INPUT) from None
    except sqlite3.Error as error:
        raise CommandFailed(f"the accounts in {data} cannot be read or written: {error}") from error
    finally:
        found.close()


def _role(name: str) -> "Role":
    from keepline.model.people import Role

    try:
        return Role(name)
    except ValueError:
        known = ", ".join(each.value for each in Role)
        raise CommandFailed(f"there is no role {name!r}; there are {known}", WRONG_INPUT) from None
