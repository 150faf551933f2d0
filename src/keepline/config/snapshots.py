"""`snapshot:` of a path: what is copied, how often, how old it may be, and which questions the copy answers."""

from pydantic import Field

from keepline.config.answers import ActionName, AnswerName, FieldText, Strict, parse_field, secret_place
from keepline.model.capability import CapabilityAction, Snapshot, SnapshotTable
from keepline.model.limits_capabilities import SNAPSHOT_AGE_S_MAX


class SnapshotTableFile(Strict):
    """One of `snapshot.tables:`"""

    path: str = Field(
        pattern=r"^/[^#\s]*$", description="below the base URL: all rows in one answer", examples=["/export/orders"]
    )
    rows: FieldText = Field(default="$", description="where in the answer the list of rows is", examples=["$.orders"])
    key: FieldText = Field(description="where in a row is what it is found by", examples=["$.number"])


class SnapshotActionFile(Strict):
    """One of `snapshot.actions:`"""

    table: ActionName = Field(description="the table that knows it", examples=["orders"])
    key: ActionName = Field(description="the argument that names the row", examples=["number"])
    response: dict[AnswerName, FieldText] = Field(
        min_length=1,
        description="the fields of the answer, and where in the row each is",
        examples=['{state: "$.state"}'],
    )
    timeout_s: float = Field(default=1.0, gt=0, le=60, description="seconds for an attempt", examples=["1"])


class SnapshotPathFile(Strict):
    """`snapshot:` of a path"""

    base_url: str = Field(
        pattern=r"^https?://[^\s?#@]+$", description="whose copy it is", examples=["https://crm.example.com/v1"]
    )
    headers: dict[str, str] = Field(
        default_factory=dict, description="sent with every request", examples=['{X-Token: "env:CRM_TOKEN"}']
    )
    timeout_s: float = Field(default=30.0, gt=0, le=600, description="seconds to get a table in", examples=["30"])
    every_s: float = Field(
        default=60.0, ge=0.5, le=86_400, description="seconds from one copy to the next", examples=["60"]
    )
    age_s_max: float = Field(
        default=14_400.0,
        gt=0,
        le=SNAPSHOT_AGE_S_MAX,
        description="seconds after which a copy answers nothing, and is removed",
        examples=["14400"],
    )
    tables: dict[ActionName, SnapshotTableFile] = Field(
        min_length=1, description="what is copied", examples=['{orders: {path: /export/orders, key: "$.number"}}']
    )
    actions: dict[ActionName, SnapshotActionFile] = Field(
        min_length=1,
        description="what can be asked",
        examples=['{status: {table: orders, key: number, response: {state: "$.state"}}}'],
    )


def snapshot_of(parsed: SnapshotPathFile) -> Snapshot:
    """What a file that is right says."""
    tables = {
        name: SnapshotTable(table.path, parse_field(table.rows), parse_field(table.key))
        for name, table in parsed.tables.items()
    }
    headers = {name: secret_place(value) for name, value in parsed.headers.items()}
    times = parsed.timeout_s, parsed.every_s, parsed.age_s_max
    return Snapshot(parsed.base_url.rstrip("/"), headers, tables, *times)


def snapshot_actions(parsed: SnapshotPathFile) -> dict[str, CapabilityAction]:
    """Its questions; a copy changes nothing."""
    return {
        name: CapabilityAction(
            timeout_s=action.timeout_s,
            response={field: parse_field(text) for field, text in action.response.items()},
            table=action.table,
            key=action.key,
        )
        for name, action in parsed.actions.items()
    }
