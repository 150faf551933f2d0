"""`capabilities:` of an operation file: what it may say, and the frozen values it makes.

Secrets are pointed to (`env:NAME`, `file:PATH`) and never stand in the file. Reference: `docs/reference/connectors.md`.
"""

from collections.abc import Iterable
from typing import Literal

from pydantic import ConfigDict, Field

from keepline.config.answers import (
    ActionName,
    AnswerName,
    ClassText,
    FieldText,
    Strict,
    parse_field,
    secret_place,
)
from keepline.config.hedges import HedgeFile, hedge_of
from keepline.config.outlets import (
    OUTLET_KINDS,
    ApprisePathFile,
    EmailPathFile,
    WebhookPathFile,
    apprise_path,
    email_path,
    webhook_path,
)
from keepline.config.promises import (
    DeferredPathFile,
    OutboxPathFile,
    deferred_actions,
    deferred_of,
    outbox_actions,
    outbox_of,
)
from keepline.config.snapshots import SnapshotPathFile, snapshot_actions, snapshot_of
from keepline.model.capability import (
    Capability,
    CapabilityAction,
    CapabilityPath,
    FieldPath,
    HttpService,
    PythonClass,
    resolve_name,
)
from keepline.model.limits_capabilities import (
    CAPABILITY_PATHS_MAX,
    PATH_IN_FLIGHT_MAX,
    PATH_THREADS_MAX,
    PENDING_S_MAX,
)

READING = ("GET", "HEAD")
PROMISING_KINDS = ("outbox", "deferred")
PATH_KINDS = ("http", "python", "snapshot", *PROMISING_KINDS, *OUTLET_KINDS)


class _DoubtFile(Strict):
    """What becomes of an action whose outcome is in doubt."""

    wait_s: float | None = Field(
        default=None,
        gt=0,
        le=600,
        description="seconds that a flow waits while an outcome is in doubt",
        examples=["10"],
    )
    pending_s: float = Field(
        default=CapabilityAction().pending_s,
        ge=0,
        le=PENDING_S_MAX,
        description="seconds that it is sought after that",
        examples=["43200"],
    )


class HttpResolveFile(Strict):
    """`resolve:` of an action"""

    method: Literal["GET", "HEAD", "POST", "PUT"] = Field(default="GET", description="of HTTP", examples=["GET"])
    path: str = Field(
        pattern=r"^/[^?#\s]*$",
        description="below the base URL, with `{idempotency_key}` and arguments",
        examples=["/payments/{idempotency_key}"],
    )
    query: dict[str, str] | None = Field(
        default=None, description="what goes into the query", examples=['{key: "{idempotency_key}"}']
    )
    body: dict[str, str] | None = Field(
        default=None, description="the JSON that is sent", examples=['{key: "{idempotency_key}"}']
    )
    response: dict[AnswerName, FieldText] | None = Field(
        default=None, description="the fields of the answer, as those of the action", examples=['{state: "$.state"}']
    )
    timeout_s: float | None = Field(default=None, gt=0, le=60, description="seconds for an attempt", examples=["5"])
    sure_after_s: float = Field(
        default=CapabilityAction().sure_after_s,
        ge=0,
        le=86_400,
        description="seconds after which what is not found was not done",
        examples=["60"],
    )


class PythonResolveFile(Strict):
    """`resolve:` of a method"""

    method: ActionName = Field(description="the method that tells by the key", examples=["find"])
    timeout_s: float | None = Field(default=None, gt=0, le=60, description="seconds for an attempt", examples=["5"])
    sure_after_s: float = Field(
        default=CapabilityAction().sure_after_s,
        ge=0,
        le=86_400,
        description="seconds after which what is not found was not done",
        examples=["60"],
    )


class HttpActionFile(_DoubtFile):
    """One of `http.actions:`"""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = Field(
        default="GET", description="of HTTP", examples=["GET"]
    )
    path: str = Field(
        pattern=r"^/[^?#\s]*$", description="below the base URL, with `{arguments}`", examples=["/orders/{number}"]
    )
    query: dict[str, str] | None = Field(
        default=None, description="what goes into the query, with `{arguments}`", examples=['{from: "{since}"}']
    )
    body: dict[str, str] | None = Field(
        default=None, description="the JSON that is sent, with `{arguments}`", examples=['{order: "{number}"}']
    )
    response: dict[AnswerName, FieldText] | None = Field(
        default=None, description="the fields of the answer, and where each is", examples=['{state: "$.state"}']
    )
    timeout_s: float | None = Field(default=None, gt=0, le=60, description="seconds for an attempt", examples=["5"])
    changes: bool | None = Field(default=None, description="whether it changes something", examples=["true"])
    idempotent: bool = Field(default=False, description="done once for one key", examples=["true"])
    lookup: str = Field(default="", description="the action that says what became of this one", examples=["find"])
    resolve: HttpResolveFile | None = Field(
        default=None,
        description="how to ask what became of this one",
        examples=['{path: "/payments/{idempotency_key}"}'],
    )


class HttpPathFile(Strict):
    """`http:` of a path"""

    base_url: str = Field(
        pattern=r"^https?://[^\s?#@]+$", description="where the service is", examples=["https://crm.example.com/v1"]
    )
    timeout_s: float = Field(default=5.0, gt=0, le=60, description="seconds for an attempt", examples=["5"])
    headers: dict[str, str] = Field(
        default_factory=dict,
        description="sent with every request",
        examples=['{X-Token: "env:CRM_TOKEN"}'],
    )
    refusal_code: FieldText = Field(
        default="$.error.code?", description="where a refusal has its code", examples=["$.code?"]
    )
    refusal_detail: FieldText = Field(
        default="$.error.message?", description="where a refusal has its words", examples=["$.detail?"]
    )
    actions: dict[ActionName, HttpActionFile] = Field(
        min_length=1, description="what can be asked", examples=['{status: {path: "/orders/{number}"}}']
    )


class PythonActionFile(_DoubtFile):
    """One of `python.actions:`"""

    changes: bool = Field(description="whether it changes something", examples=["false"])
    response: list[AnswerName] | None = Field(
        default=None, description="the fields that its answer has", examples=["[state]"]
    )
    timeout_s: float | None = Field(default=None, gt=0, le=60, description="seconds for an attempt", examples=["5"])
    idempotent: bool = Field(default=False, description="done once for one key", examples=["true"])
    lookup: str = Field(default="", description="the action that says what became of this one", examples=["find"])
    resolve: PythonResolveFile | None = Field(
        default=None, description="how to ask what became of this one", examples=["{method: find}"]
    )


class PythonPathFile(Strict):
    """`python:` of a path"""

    module: ClassText = Field(description="MODULE:CLASS beside the file", examples=["crm:Crm"])
    timeout_s: float = Field(default=5.0, gt=0, le=60, description="seconds for an attempt", examples=["5"])
    threads: int = Field(
        default=4, ge=1, le=PATH_THREADS_MAX, description="threads for methods that block", examples=["4"]
    )
    actions: dict[ActionName, PythonActionFile] = Field(
        min_length=1, description="its methods", examples=["{status: {changes: false}}"]
    )


class CapabilityPathFile(Strict):
    """One of `paths:`; of one kind, checked by `check_capabilities`."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [kind]} for kind in PATH_KINDS]})

    name: str = Field(pattern=r"^[A-Za-z][\w-]{0,63}$", description="the name of the path", examples=["crm"])
    in_flight_max: int = Field(
        default=20, ge=1, le=PATH_IN_FLIGHT_MAX, description="uses at once; others wait", examples=["20"]
    )
    http: HttpPathFile | None = Field(
        default=None,
        description="a service spoken to by HTTP",
        examples=["{base_url: https://crm.example.com, actions: {ping: {path: /ping}}}"],
    )
    python: PythonPathFile | None = Field(
        default=None,
        description="a class beside the file",
        examples=["{module: crm:Crm, actions: {status: {changes: false}}}"],
    )
    snapshot: SnapshotPathFile | None = Field(
        default=None,
        description="a copy on this machine for what is only read",
        examples=[
            '{base_url: https://crm.example.com, tables: {orders: {path: /orders, rows: "$", key: "$.number"}},'
            ' actions: {status: {table: orders, key: number, response: {state: "$.state"}}}}'
        ],
    )
    outbox: OutboxPathFile | None = Field(
        default=None,
        description="keeps changes on this machine, and makes them when the path before it takes them",
        examples=["{actions: {book: {key: order}}}"],
    )
    deferred: DeferredPathFile | None = Field(
        default=None,
        description="promises changes that a flow sees to later",
        examples=["{actions: {book: {flow: call_back}}}"],
    )
    email: EmailPathFile | None = Field(
        default=None,
        description="a server that takes mail for people",
        examples=["{server: mail.example.com:587, from: status@example.com}"],
    )
    apprise: ApprisePathFile | None = Field(
        default=None, description="a chat, a pager or another service", examples=["{url: env:CHAT_URL}"]
    )
    webhook: WebhookPathFile | None = Field(
        default=None, description="somebody's own program", examples=["{secret: env:HOOK_SECRET}"]
    )


class CapabilityFile(Strict):
    """One of `capabilities:`"""

    paths: list[CapabilityPathFile] = Field(
        min_length=1,
        max_length=CAPABILITY_PATHS_MAX,
        description="the ways to provide it, in their order",
        examples=["[{name: crm, python: {module: crm:Crm, actions: {status: {changes: false}}}}]"],
    )
    hedge: HedgeFile | None = Field(
        default=None,
        description="ask a second path too where the first is silent, for what changes nothing",
        examples=["{}"],
    )


# The frozen values ----------------------------------------------------------------------------------------------------


def capabilities_of(parsed: dict[str, CapabilityFile]) -> dict[str, Capability]:
    """What a file that is right says."""
    return {
        name: Capability(name, tuple(map(_path_of, each.paths)), hedge_of(each.hedge)) for name, each in parsed.items()
    }


def _path_of(path: CapabilityPathFile) -> CapabilityPath:
    http, python = path.http, path.python
    if path.email is not None:
        return email_path(path.name, path.email, path.in_flight_max)
    if path.apprise is not None:
        return apprise_path(path.name, path.apprise, path.in_flight_max)
    if path.webhook is not None:
        return webhook_path(path.name, path.webhook, path.in_flight_max)
    if path.snapshot is not None:
        made = snapshot_of(path.snapshot)
        return CapabilityPath(path.name, made, snapshot_actions(path.snapshot), path.in_flight_max)
    if path.outbox is not None:
        return CapabilityPath(path.name, outbox_of(path.outbox), outbox_actions(path.outbox), path.in_flight_max)
    if path.deferred is not None:
        made_by = deferred_of(path.deferred)
        return CapabilityPath(path.name, made_by, deferred_actions(path.deferred), path.in_flight_max)
    if http is not None:
        headers = {name: secret_place(value) for name, value in http.headers.items()}
        codes = parse_field(http.refusal_code), parse_field(http.refusal_detail)
        service = HttpService(http.base_url.rstrip("/"), headers, *codes)
        actions = {name: _http_action(name, each, http.timeout_s) for name, each in http.actions.items()}
        actions |= {
            resolve_name(name): _http_resolve(each, each.resolve, http.timeout_s)
            for name, each in http.actions.items()
            if each.resolve is not None
        }
        return CapabilityPath(path.name, service, actions, path.in_flight_max)
    assert python is not None
    module, _, name = python.module.partition(":")
    actions = {name: _python_action(name, each, python.timeout_s) for name, each in python.actions.items()}
    actions |= {
        resolve_name(name): CapabilityAction(
            each.resolve.timeout_s or python.timeout_s, told_by=each.resolve.method, response=_own_fields(each.response)
        )
        for name, each in python.actions.items()
        if each.resolve is not None
    }
    return CapabilityPath(path.name, PythonClass(module, name, python.threads), actions, path.in_flight_max)


def _http_action(name: str, action: HttpActionFile, timeout_s: float) -> CapabilityAction:
    response = {name: parse_field(text) for name, text in action.response.items()} if action.response else None
    return CapabilityAction(
        timeout_s=action.timeout_s or timeout_s,
        changes=action.method not in READING if action.changes is None else action.changes,
        idempotent=action.idempotent,
        lookup=action.lookup,
        resolve=resolve_name(name) if action.resolve is not None else "",
        sure_after_s=action.resolve.sure_after_s if action.resolve is not None else 0.0,
        wait_s=action.wait_s or 0.0,
        pending_s=action.pending_s,
        response=response,
        method=action.method,
        path=action.path,
        query=action.query,
        body=action.body,
    )


def _http_resolve(action: HttpActionFile, resolve: HttpResolveFile, timeout_s: float) -> CapabilityAction:
    """It changes nothing, by whichever method it is asked; its answer has the fields of the action."""
    fields = resolve.response or action.response
    response = {name: parse_field(text) for name, text in fields.items()} if fields else None
    return CapabilityAction(
        timeout_s=resolve.timeout_s or timeout_s,
        response=response,
        method=resolve.method,
        path=resolve.path,
        query=resolve.query or {},  # what the change was given is not said again where nobody asked for it
        body=resolve.body or {},
    )


def _python_action(name: str, action: PythonActionFile, timeout_s: float) -> CapabilityAction:
    return CapabilityAction(
        timeout_s=action.timeout_s or timeout_s,
        changes=action.changes,
        idempotent=action.idempotent,
        lookup=action.lookup,
        resolve=resolve_name(name) if action.resolve is not None else "",
        sure_after_s=action.resolve.sure_after_s if action.resolve is not None else 0.0,
        wait_s=action.wait_s or 0.0,
        pending_s=action.pending_s,
        response=_own_fields(action.response),
    )


def _own_fields(names: Iterable[str] | None) -> dict[str, FieldPath] | None:
    return {name: FieldPath((name,)) for name in names} if names is not None else None
