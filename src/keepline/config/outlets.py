"""`email:`, `apprise:` and `webhook:` of a path: by what people are told something.

Secrets are pointed to and never stand in the file. Reference: `docs/reference/messages.md`.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from keepline.config.answers import SECRET, secret_place
from keepline.config.trunks import Credential, EnvironmentName, SecretFile
from keepline.config.values import StrictModel, mistaken, written_as
from keepline.config.witnesses import SUBMISSION_PORT, MailAddress, SmtpServer
from keepline.model.capability import CapabilityPath, SecretRef
from keepline.model.outlets import SEND, AppriseService, MailServer, WebhookService, send_action

OUTLET_KINDS = ("email", "apprise", "webhook")
_SECRET = r"^(?:env|file):.+$"


def _pointed(text: str) -> str:
    found = SECRET.fullmatch(text)
    if found is None or found[1]:
        raise mistaken("a secret does not belong into the file", "write `env:NAME` or `file:/PATH`")
    if found[2] == "file" and not found[3].startswith("/"):
        raise mistaken(f"`{found[3]}` is no whole path", "write it from `/` on")
    return text


SecretText = Annotated[str, AfterValidator(_pointed), written_as(_SECRET)]
_HOST = re.compile(r"(.+?)(?::([0-9]+))?")


class EmailPathFile(StrictModel):
    """`email:` of a path"""

    server: SmtpServer = Field(description="the server that takes the mail", examples=["mail.example.com:587"])
    from_: MailAddress = Field(
        alias="from", description="the address that the mail is from", examples=["status@example.com"]
    )
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="`starttls`, `tls` or `none`", examples=["starttls"]
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
    timeout_s: float = Field(default=15.0, gt=0, le=60, description="seconds for an attempt", examples=["15"])


class ApprisePathFile(StrictModel):
    """`apprise:` of a path"""

    url: SecretText = Field(
        description="where the service's address is, as apprise has it; `{to}` in it is the contact's",
        examples=["env:CHAT_URL"],
    )
    timeout_s: float = Field(default=15.0, gt=0, le=60, description="seconds for an attempt", examples=["15"])


class WebhookPathFile(StrictModel):
    """`webhook:` of a path"""

    secret: SecretText = Field(description="where the secret of the signature is", examples=["env:HOOK_SECRET"])
    timeout_s: float = Field(default=10.0, gt=0, le=60, description="seconds for an attempt", examples=["10"])


def email_path(name: str, parsed: EmailPathFile, in_flight_max: int) -> CapabilityPath:
    """What a file that is right says."""
    found = _HOST.fullmatch(parsed.server)
    assert found is not None
    password = None
    if parsed.password_env or parsed.password_file:
        source, place = ("env", parsed.password_env) if parsed.password_env else ("file", parsed.password_file)
        password = SecretRef(source, str(place))
    port = int(found[2]) if found[2] else 465 if parsed.security == "tls" else SUBMISSION_PORT
    server = MailServer(found[1].strip("[]"), port, parsed.from_, parsed.security, parsed.username or "", password)
    return CapabilityPath(name, server, {SEND: send_action(parsed.timeout_s, idempotent=False)}, in_flight_max)


def apprise_path(name: str, parsed: ApprisePathFile, in_flight_max: int) -> CapabilityPath:
    """The same."""
    actions = {SEND: send_action(parsed.timeout_s, idempotent=False)}
    return CapabilityPath(name, AppriseService(secret_place(parsed.url)), actions, in_flight_max)


def webhook_path(name: str, parsed: WebhookPathFile, in_flight_max: int) -> CapabilityPath:
    """The same."""
    actions = {SEND: send_action(parsed.timeout_s, idempotent=True)}
    return CapabilityPath(name, WebhookService(secret_place(parsed.secret)), actions, in_flight_max)
