"""`journal:` of an operation file: who keeps the journal's checkpoints outside the node.

Secrets are pointed to and never stand in the file. Reference: `docs/reference/journal.md`.
"""

import re
from ipaddress import ip_address
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from keepline.config.tree import Tree, Where
from keepline.config.trunks import Credential, EnvironmentName, SecretFile
from keepline.config.values import Name, StrictModel, matching, mistaken, written_as
from keepline.model.capability import SecretRef
from keepline.model.errors import Mistake
from keepline.model.limits import JOURNAL_KEEP_DAYS_MIN, WITNESSES_MAX
from keepline.model.operation import Operation
from keepline.model.witness import FileWitness, HttpWitness, JournalSettings, MailWitness, Witness, WitnessPlace

PLACES = ("file", "url", "mail")
SUBMISSION_PORT = 587
"""Of an SMTP server without a port (RFC 6409)."""
_PATH = re.compile(r"/[^\0\n]{1,1023}")
_URL = re.compile(r"https?://[^\s?#@/]+(/[^\s?#]*)?")
_ADDRESS = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")
_SERVER = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")


def _server(text: str) -> str:
    found = _SERVER.fullmatch(text)
    if found is None or (found[2] is not None and not 0 < int(found[2]) <= 65535):
        raise mistaken(f"`{text}` is no server", "write HOST or HOST:PORT, for example `mail.example.com:587`")
    return text


WitnessFilePath = Annotated[
    str,
    AfterValidator(matching(_PATH, "write the whole path, as `/mnt/vault/shop.notes`")),
    written_as(rf"^{_PATH.pattern}$"),
]
WitnessUrl = Annotated[
    str,
    AfterValidator(matching(_URL, "write it without a name, `?` or `#`, as `https://notary.example.com/shop`")),
    written_as(rf"^{_URL.pattern}$"),
]
MailAddress = Annotated[
    str,
    AfterValidator(matching(_ADDRESS, "write an address of mail, as `audit@example.com`")),
    written_as(rf"^{_ADDRESS.pattern}$"),
]
SmtpServer = Annotated[str, AfterValidator(_server), written_as(rf"^{_SERVER.pattern}$")]


class WitnessFile(StrictModel):
    """One of `witnesses:`; a file, a URL or a mailbox, checked by `check_witnesses`."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [each]} for each in PLACES]})

    file: WitnessFilePath | None = Field(
        default=None, description="the file that checkpoints are appended to", examples=["/mnt/vault/shop.notes"]
    )
    url: WitnessUrl | None = Field(
        default=None, description="or the URL that they are posted to", examples=["https://notary.example.com/shop"]
    )
    token_env: EnvironmentName | None = Field(
        default=None, description="the variable of the environment with the URL's token", examples=["NOTARY_TOKEN"]
    )
    token_file: SecretFile | None = Field(
        default=None, description="or the file with the token", examples=["/etc/keepline/notary.token"]
    )
    mail: MailAddress | None = Field(
        default=None, description="or the address that they are mailed to", examples=["audit@example.com"]
    )
    smtp: SmtpServer | None = Field(
        default=None, description="the server that takes the mail", examples=["mail.example.com:587"]
    )
    sender: MailAddress | None = Field(
        default=None, alias="from", description="the address that the mail is from", examples=["shop@example.com"]
    )
    security: Literal["starttls", "tls", "none"] | None = Field(
        default=None, description="`starttls`, `tls` or `none`", examples=["starttls"]
    )
    username: Credential | None = Field(
        default=None, description="the name that the server knows the node by", examples=["shop"]
    )
    password_env: EnvironmentName | None = Field(
        default=None, description="the variable of the environment with its password", examples=["MAIL_PASSWORD"]
    )
    password_file: SecretFile | None = Field(
        default=None, description="or the file with the password", examples=["/etc/keepline/mail.password"]
    )


class JournalFile(StrictModel):
    """`journal:`"""

    witnesses: dict[Name, WitnessFile] = Field(
        default_factory=dict,
        max_length=WITNESSES_MAX,
        description="who keeps its checkpoints outside the node",
        examples=["{vault: {file: /mnt/vault/shop.notes}}"],
    )
    every_s: float = Field(
        default=JournalSettings().every_s,
        ge=1,
        le=86_400,
        description="seconds between two checkpoints that a witness is sent",
        examples=["3600"],
    )
    keep_days: float | None = Field(
        default=None,
        ge=JOURNAL_KEEP_DAYS_MIN,
        le=36_500,
        description="days after its end at which what a call said is erased; all is kept without it",
        examples=["90"],
    )
    overdue_s: float = Field(
        default=JournalSettings().overdue_s,
        ge=1,
        le=604_800,
        description="seconds after which a checkpoint that a witness does not have is a trouble",
        examples=["10800"],
    )


# Whether they agree ---------------------------------------------------------------------------------------------------

_BELONGS = {
    "url": ("token_env", "token_file"),
    "mail": ("smtp", "from", "security", "username", "password_env", "password_file"),
}
_PLACE_WANTED = "write `file: /PATH`, `url: https://…`, or `mail: ADDRESS` with `smtp` and `from`"


def check_witnesses(tree: Tree) -> None:
    """Each witness is in one place, with what belongs to that; no place is there twice; times fit one another."""
    journal = _mapping(tree.plain.get("journal"))
    seen: dict[tuple[str, str], str] = {}
    for name, entry in _mapping(journal.get("witnesses")).items():
        if not isinstance(entry, dict):
            continue
        where: Where = ("journal", "witnesses", name)
        places = [each for each in PLACES if entry.get(each)]
        if len(places) != 1:
            wrong = f"is in {len(places)} places" if places else "is nowhere"
            tree.add_mistake(where, wrong, _PLACE_WANTED, at_key=True)
            continue
        [place] = places
        first = seen.setdefault((place, str(entry[place])), name)
        if first != name:
            tree.add_mistake((*where, place), f"is the witness `{first}` as well", "keep one of the two")
        for owner, settings in _BELONGS.items():
            for each in settings if owner != place else ():
                if entry.get(each):
                    tree.add_mistake((*where, each), f"belongs to a `{owner}`", f"leave it away with `{place}`")
        _check_secrets(tree, where, entry)
    every_s, overdue_s = (_seconds(journal, each) for each in ("every_s", "overdue_s"))
    if every_s is not None and overdue_s is not None and overdue_s <= every_s:
        wrong = f"every checkpoint would be overdue: the next one is sent after {every_s:g} s"
        tree.add_mistake(("journal", "overdue_s"), wrong, "write more than `every_s`")


def _check_secrets(tree: Tree, where: Where, entry: dict[str, Any]) -> None:
    if entry.get("mail"):
        for each, example in (("smtp", "mail.example.com:587"), ("from", "shop@example.com")):
            if not entry.get(each):
                tree.add_mistake((*where, "mail"), f"has no `{each}`", f"write `{each}: {example}` beside it")
    for kind in ("token", "password"):
        if entry.get(f"{kind}_env") and entry.get(f"{kind}_file"):
            tree.add_mistake((*where, f"{kind}_file"), f"there are two places for one {kind}", "keep one of the two")
    has_password = bool(entry.get("password_env") or entry.get("password_file"))
    if has_password != bool(entry.get("username")) and entry.get("mail"):
        at = "mail" if has_password else "username"
        lacking = "`username: NAME`" if has_password else "`password_env: NAME` or `password_file: /PATH`"
        tree.add_mistake((*where, at), "has half of its credentials", f"write {lacking} beside it")


def _seconds(journal: dict[str, Any], name: str) -> float | None:
    """None for what is no number: that is the schema's business."""
    try:
        return float(journal.get(name, getattr(JournalSettings(), name)))
    except (TypeError, ValueError):
        return None


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def witness_warnings(operation: Operation) -> list[Mistake]:
    """That nobody keeps the journal's checkpoints; of a node that this machine alone can call nothing is said."""
    if operation.journal.witnesses or ip_address(operation.sip.listen.host).is_loopback:
        return []
    wrong = "no witness is named: a journal whose end was cut off would pass `keepline verify`"
    right = "write `journal: {witnesses: {vault: {file: /PATH/ON/ANOTHER/DISK}}}`, or a `url` or `mail`"
    return [Mistake(operation.file, 1, 1, "journal.witnesses", wrong, right)]


# The frozen values ----------------------------------------------------------------------------------------------------


def journal_settings_of(parsed: JournalFile) -> JournalSettings:
    """What `journal:` of a file that is right says."""
    found = tuple(Witness(name, _place(each)) for name, each in parsed.witnesses.items())
    return JournalSettings(found, parsed.every_s, parsed.overdue_s, parsed.keep_days)


def _place(parsed: WitnessFile) -> WitnessPlace:
    if parsed.file is not None:
        return FileWitness(parsed.file)
    if parsed.url is not None:
        return HttpWitness(parsed.url, _secret(parsed.token_env, parsed.token_file))
    assert parsed.mail is not None
    found = _SERVER.fullmatch(parsed.smtp or "")
    assert found is not None
    return MailWitness(
        parsed.mail,
        (found[1].strip("[]"), int(found[2] or SUBMISSION_PORT)),
        parsed.sender or "",
        parsed.security or "starttls",
        parsed.username or "",
        _secret(parsed.password_env, parsed.password_file),
    )


def _secret(variable: str | None, file: str | None) -> SecretRef | None:
    if variable is not None:
        return SecretRef("env", variable)
    return SecretRef("file", file) if file is not None else None
