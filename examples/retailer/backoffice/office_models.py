"""The shapes of requests and answers, with examples: what /openapi.json says and what a request is checked against."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9*#A-Za-z._-]{1,32}$")]
"""E.164 where it is known; whatever the carrier said where it is not."""
Text = Annotated[str, StringConstraints(max_length=2000)]


class Strict(BaseModel):
    """A request: a key that is not known is a mistake."""

    model_config = ConfigDict(extra="forbid")


class CustomerOut(BaseModel):
    """A customer."""

    id: str = Field(examples=["C1001"])
    name: str = Field(examples=["Ada Brooks"])
    phone: str = Field(examples=["+12125550100"])
    tier: Literal["standard", "plus", "high_value"]
    zip: str
    orders: list[str] = Field(examples=[["100001"]])
    invoices_due: list[str] = Field(examples=[["20000001"]])


class SlotOut(BaseModel):
    """A delivery window of one van."""

    id: str = Field(examples=["20260303-08-1"])
    day: date
    start: str = Field(examples=["08:00"])
    end: str = Field(examples=["10:00"])


class SlotState(SlotOut):
    """A delivery window and whether it can be had."""

    free: bool


class SlotsOut(BaseModel):
    """Delivery windows in order of time."""

    slots: list[SlotState]


class AppointmentOut(BaseModel):
    """A delivery window that an order has, or had."""

    id: str = Field(examples=["A1"])
    order: str = Field(examples=["100001"])
    status: Literal["booked", "cancelled"]
    slot: SlotOut
    confirmation: str = Field(examples=["300001"])


class OrderOut(BaseModel):
    """An order and its appointment."""

    number: str = Field(examples=["100001"])
    customer_id: str
    status: Literal["placed", "packed", "shipped", "out_for_delivery", "delivered", "cancelled"]
    item: str
    total_cents: int
    carrier: str
    tracking: str
    placed_on: date
    expected_on: date | None
    delivered_on: date | None
    can_book: bool
    appointment: AppointmentOut | None


class BookIn(Strict):
    """A wish for a slot."""

    order: str = Field(pattern=r"^[0-9]{6}$", examples=["100001"])
    slot: str = Field(max_length=20, examples=["20260303-08-1"])


class MoveIn(Strict):
    """A wish for another slot."""

    slot: str = Field(max_length=20, examples=["20260303-10-1"])


class InvoiceOut(BaseModel):
    """An invoice and what is due on it."""

    number: str = Field(examples=["20000001"])
    customer_id: str
    order_number: str
    amount_cents: int
    paid_cents: int
    due_cents: int
    overpaid_cents: int
    currency: Literal["USD"]
    due_on: date
    status: Literal["open", "overdue", "paid", "void"]
    void: bool


class CardIn(Strict):
    """A card as it was keyed. It is never stored or logged beyond its last four digits."""

    number: str = Field(pattern=r"^[0-9]{12,19}$", examples=["4242424242424242"])
    expiry: str = Field(pattern=r"^[0-9]{2}/?[0-9]{2}$", examples=["1230"], description="MMYY")
    cvv: str = Field(pattern=r"^[0-9]{3,4}$", examples=["123"])


class ChargeIn(Strict):
    """A charge."""

    invoice: str = Field(pattern=r"^[0-9]{8}$", examples=["20000001"])
    amount_cents: int = Field(gt=0, le=100_000_000, examples=[12345])
    currency: Literal["USD"] = "USD"
    card: CardIn


class PaymentOut(BaseModel):
    """A payment; `receipt` is what a caller is told."""

    id: str = Field(examples=["P1"])
    gateway: Literal["north", "south"]
    status: Literal["charged", "declined", "refunded"]
    invoice: str
    amount_cents: int
    currency: Literal["USD"]
    card_last4: str = Field(examples=["4242"])
    card_brand: str = Field(examples=["visa"])
    receipt: str = Field(examples=["700001"])
    reason: str | None
    at: str
    idempotency_key: str


class OutcomeOut(BaseModel):
    """What became of an idempotency key."""

    idempotency_key: str
    outcome: Literal["charged", "declined", "refunded", "refused", "voided"]
    payment: PaymentOut | None


class VoidIn(Strict):
    """The key under which nothing shall stay charged."""

    idempotency_key: str = Field(min_length=1, max_length=200)


class LeadIn(Strict):
    """Somebody who may buy."""

    phone: Phone
    name: Text | None = None
    interest: str = Field(max_length=100, examples=["kitchen"])
    budget_cents: int | None = Field(default=None, ge=0, le=100_000_000)
    timeframe: Literal["now", "this_month", "later"] | None = None
    note: Text | None = None
    recording: str | None = Field(default=None, max_length=200, description="a reference to audio, not the audio")


class LeadOut(LeadIn):
    """A lead as it was kept."""

    id: str = Field(examples=["L1"])
    score: Literal["hot", "warm", "cold"]
    at: str


class MessageIn(Strict):
    """A message for a person of a department."""

    phone: Phone
    department: Literal["service", "sales", "billing", "delivery"]
    text: Text | None = None
    recording: str | None = Field(default=None, max_length=200, description="a reference to audio, not the audio")
    length_s: float | None = Field(default=None, ge=0, le=3600)
    call_id: str | None = Field(default=None, max_length=200)


class MessageOut(MessageIn):
    """A message as it was kept."""

    id: str = Field(examples=["M1"])
    at: str


class ErrorDetail(BaseModel):
    """Why a request was refused; some codes bring a field more."""

    model_config = ConfigDict(extra="allow")
    code: str = Field(examples=["slot_taken"])
    message: str = Field(examples=["slot 20260303-08-1 is taken"])


class ErrorOut(BaseModel):
    """The one shape of every refusal."""

    error: ErrorDetail


class SlotTaken(ErrorDetail):
    """The slot is somebody's; this is the next one that is nobody's."""

    next_free: SlotOut | None


class FaultIn(Strict):
    """A fault to plant: see the README for what each kind does."""

    route: str = Field(
        pattern=r"^(\*|[A-Z]+) /?\S+$", examples=["POST /gateways/north/*"], description="METHOD PATH, with `*` in both"
    )
    kind: Literal["slow", "late", "twice", "malformed", "renamed", "lost", "status", "silent"]
    ms: int = Field(default=0, ge=0, le=600_000)
    status: int = Field(default=503, ge=200, le=599)
    body: Any = None
    field: str = Field(default="", max_length=100, description="the key that `renamed` calls otherwise")
    renamed_to: str = Field(default="", max_length=100)
    do_work: bool | None = Field(default=None, description="whether the work is done; each kind has its own default")
    times: int | None = Field(default=None, ge=1, description="how many requests to spoil; no limit where it is absent")
    share: float = Field(default=1.0, gt=0, le=1)
    expires_s: float = Field(default=60.0, gt=0, le=86_400)


class FaultOut(BaseModel):
    """A fault that is live."""

    id: str = Field(examples=["F1"])
    route: str
    kind: str
    hits: int
    times: int | None
    expires_in_s: float
