"""The routes of the back office. They check what comes in and say what it is; the rules are elsewhere.

Every refusal has one shape: `{"error": {"code", "message", …}}`. What was sent is never repeated in an error, because
it may have been a card.
"""

from typing import Annotated, Any, Literal

import office_desk as desk
import office_payments as payments
from fastapi import APIRouter, FastAPI, Header, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from office_cards import DECLINED_CARDS, GOOD_CARDS
from office_faults import FaultBook
from office_models import (
    AppointmentOut,
    BookIn,
    ChargeIn,
    CustomerOut,
    ErrorOut,
    FaultIn,
    FaultOut,
    InvoiceOut,
    LeadIn,
    LeadOut,
    MessageIn,
    MessageOut,
    MoveIn,
    OrderOut,
    OutcomeOut,
    PaymentOut,
    SlotOut,
    SlotsOut,
    VoidIn,
)
from office_store import Answer, Store, refusal
from starlette.exceptions import HTTPException

Key = Annotated[
    str, Header(alias="Idempotency-Key", max_length=200, description="the same key and body: the same answer")
]
SureKey = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=200)]
Gateway = Literal["north", "south"]
OrderNumber = Annotated[str, Path(pattern=r"^[0-9]{6}$", examples=["100001"])]
InvoiceNumber = Annotated[str, Path(pattern=r"^[0-9]{8}$", examples=["20000001"])]
AppointmentId = Annotated[str, Path(pattern=r"^A[0-9]{1,12}$", examples=["A1"])]
ANSWERS_MAX = 500


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: these statuses carry an error."""
    return {status: {"model": ErrorOut} for status in (*statuses, 422)}


def spoken(answer: Answer) -> JSONResponse:
    """An answer as HTTP."""
    headers = {"Idempotency-Replayed": "true"} if answer.replayed else None
    return JSONResponse(answer.body, answer.status, headers)


def build(store: Store, book: FaultBook) -> FastAPI:
    """The whole service, faults not included: they go around it."""
    app = FastAPI(
        title="The retailer's back office", version="1", summary="Orders, appointments, invoices, payments, leads.",
        exception_handlers={RequestValidationError: _invalid, HTTPException: _refused},
    )  # fmt: skip
    for router in (_lookups(store), _appointments(store), _payments(store), _leads(store), _admin(store, book)):
        app.include_router(router)

    @app.get("/healthz", tags=["service"])
    async def healthz() -> JSONResponse:
        return JSONResponse({"status": "ok", "today": store.today.isoformat()})

    return app


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    fields = [{"field": ".".join(map(str, each["loc"])), "problem": each["msg"]} for each in error.errors()]
    text = "; ".join(f"{each['field']}: {each['problem']}" for each in fields)
    return spoken(refusal(422, "invalid_request", text, fields=fields))


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    codes = {404: "route_unknown", 405: "method_not_allowed"}
    return spoken(refusal(error.status_code, codes.get(error.status_code, "refused"), str(error.detail)))


def _lookups(store: Store) -> APIRouter:
    router = APIRouter(tags=["customers, orders, invoices"])

    @router.get("/customers/{customer_id}", response_model=CustomerOut, responses=refusals(404))
    async def customer(customer_id: Annotated[str, Path(pattern=r"^C[0-9]{1,9}$")]) -> JSONResponse:
        return spoken(desk.customer(store, "id", customer_id))

    @router.get("/customers/by-phone/{phone}", response_model=CustomerOut, responses=refusals(404))
    async def customer_by_phone(phone: Annotated[str, Path(pattern=r"^\+?[0-9]{3,15}$")]) -> JSONResponse:
        return spoken(desk.customer(store, "phone", "+" + phone.lstrip("+")))

    @router.get("/orders/{number}", response_model=OrderOut, responses=refusals(404))
    async def order(number: OrderNumber) -> JSONResponse:
        return spoken(desk.order(store, number))

    @router.get("/export/{table}")
    async def export(table: Literal["orders", "invoices"]) -> JSONResponse:
        return spoken(desk.exported(store, table))

    @router.get("/invoices/{number}", response_model=InvoiceOut, responses=refusals(404))
    async def invoice(number: InvoiceNumber) -> JSONResponse:
        return spoken(desk.invoice(store, number))

    return router


def _appointments(store: Store) -> APIRouter:
    router = APIRouter(tags=["appointments"])

    @router.get("/slots", response_model=SlotsOut, responses=refusals())
    async def slots(
        since: Annotated[str | None, Query(alias="from", pattern=r"^\d{4}-\d\d-\d\d$")] = None,
        limit: Annotated[int, Query(ge=1, le=ANSWERS_MAX)] = 20,
        free: bool = True,
    ) -> JSONResponse:
        return spoken(desk.slots(store, since or store.today.isoformat(), limit, free))

    @router.get("/slots/{slot}/next-free", response_model=SlotOut, responses=refusals(404))
    async def next_free(slot: str, skip: Annotated[int, Query(ge=0, lt=ANSWERS_MAX)] = 0) -> JSONResponse:
        found = desk.next_free(store, slot, skip)
        return spoken(Answer(200, found) if found else refusal(404, "no_free_slot", "every slot is taken"))

    @router.post("/appointments", status_code=201, response_model=AppointmentOut, responses=refusals(404, 409))
    async def book(wish: BookIn, key: Key = "") -> JSONResponse:
        return spoken(desk.book(store, key, wish.model_dump()))

    @router.get("/appointments/{appointment}", response_model=AppointmentOut, responses=refusals(404))
    async def appointment(appointment: AppointmentId) -> JSONResponse:
        return spoken(desk.appointment(store, appointment))

    @router.post("/appointments/{appointment}/move", response_model=AppointmentOut, responses=refusals(404, 409))
    async def move(appointment: AppointmentId, wish: MoveIn, key: Key = "") -> JSONResponse:
        return spoken(desk.move(store, key, appointment, wish.model_dump()))

    @router.post("/appointments/{appointment}/cancel", response_model=AppointmentOut, responses=refusals(404))
    async def cancel(appointment: AppointmentId, key: Key = "") -> JSONResponse:
        return spoken(desk.cancel(store, key, appointment))

    return router


def _payments(store: Store) -> APIRouter:
    router = APIRouter(prefix="/gateways/{gateway}", tags=["payments"])

    @router.post("/payments", status_code=201, response_model=PaymentOut, responses=refusals(402, 404, 409))
    async def charge(gateway: Gateway, wish: ChargeIn, key: SureKey) -> JSONResponse:
        return spoken(payments.charge(store, gateway, key, wish.model_dump()))

    @router.get("/payments", response_model=OutcomeOut, responses=refusals(404))
    async def find(gateway: Gateway, idempotency_key: Annotated[str, Query(max_length=200)]) -> JSONResponse:
        return spoken(payments.find(store, gateway, idempotency_key))

    @router.get("/payments/{payment}", response_model=PaymentOut, responses=refusals(404))
    async def payment(gateway: Gateway, payment: Annotated[str, Path(pattern=r"^P[0-9]{1,12}$")]) -> JSONResponse:
        return spoken(payments.payment(store, gateway, payment))

    @router.post("/voids", response_model=OutcomeOut, responses=refusals())
    async def void(gateway: Gateway, wish: VoidIn) -> JSONResponse:
        return spoken(payments.void(store, gateway, wish.idempotency_key))

    return router


def _leads(store: Store) -> APIRouter:
    router = APIRouter(tags=["leads, messages"])

    @router.post("/leads", status_code=201, response_model=LeadOut, responses=refusals())
    async def lead(wish: LeadIn, key: Key = "") -> JSONResponse:
        return spoken(desk.add_lead(store, key, wish.model_dump()))

    @router.get("/leads")
    async def leads(limit: Annotated[int, Query(ge=1, le=ANSWERS_MAX)] = 50) -> JSONResponse:
        return spoken(desk.listed(store, "leads", limit))

    @router.post("/messages", status_code=201, response_model=MessageOut, responses=refusals())
    async def message(wish: MessageIn, key: Key = "") -> JSONResponse:
        return spoken(desk.add_message(store, key, wish.model_dump()))

    @router.get("/messages")
    async def messages(limit: Annotated[int, Query(ge=1, le=ANSWERS_MAX)] = 50) -> JSONResponse:
        return spoken(desk.listed(store, "messages", limit))

    return router


def _admin(store: Store, book: FaultBook) -> APIRouter:
    router = APIRouter(prefix="/admin", tags=["admin"])

    @router.post("/faults", status_code=201, response_model=FaultOut, responses=refusals(409))
    async def plant(wish: FaultIn) -> JSONResponse:
        fault = book.add(**wish.model_dump())
        if fault is None:
            return spoken(refusal(409, "too_many_faults", "end some of those that are live first"))
        return JSONResponse(_fault(book, fault), 201)

    @router.get("/faults", response_model=list[FaultOut])
    async def faults() -> JSONResponse:
        return JSONResponse([_fault(book, fault) for fault in book.live()])

    @router.delete("/faults")
    async def mend_all() -> JSONResponse:
        return JSONResponse({"ended": book.remove()})

    @router.delete("/faults/{fault}", responses=refusals(404))
    async def mend(fault: str) -> JSONResponse:
        ended = book.remove(fault)
        return JSONResponse({"ended": ended}) if ended else spoken(refusal(404, "fault_unknown", "no such fault"))

    @router.get("/ledger")
    async def ledger() -> JSONResponse:
        return spoken(payments.ledger(store))

    @router.get("/traffic")
    async def traffic() -> JSONResponse:
        return JSONResponse({"received": dict(book.received), "spoilt": dict(book.spoilt)})

    @router.get("/directory")
    async def directory(limit: Annotated[int, Query(ge=1, le=10_000)] = 1000) -> JSONResponse:
        return JSONResponse({
            "customers": store.all("SELECT id, phone, tier FROM customers ORDER BY id LIMIT ?", limit),
            "orders": store.all("SELECT number, status FROM orders ORDER BY number LIMIT ?", limit),
            "invoices": store.all(
                "SELECT number, amount_cents - paid_cents AS due_cents, void FROM invoices ORDER BY number LIMIT ?",
                limit,
            ),
            "cards": {"good": list(GOOD_CARDS), "declined": DECLINED_CARDS},
        })  # fmt: skip

    return router


def _fault(book: FaultBook, fault: Any) -> dict[str, Any]:
    left = round(max(0.0, fault.ends_at - book.now()), 3)
    return {
        "id": fault.id, "route": fault.route, "kind": fault.kind, "hits": fault.hits, "times": fault.times,
        "expires_in_s": left,
    }  # fmt: skip
