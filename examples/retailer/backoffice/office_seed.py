"""The retailer's data on its first day: a function of the seed and of today, and of nothing else.

What depends on the number alone, whatever the seed, so that a script can rely on it:

    order 100000 + n      its status goes round `ORDER_STATUSES` by n % 6 (100001 shipped, 100002 out for delivery,
                          100003 delivered, 100004 placed, 100005 cancelled, 100006 packed)
    invoice 20000000 + n  void where n % 11 == 0, else paid where n % 5 == 0, else overdue where n % 7 == 0, else open
    order n, invoice n    belong to customer n, going round
"""

import random
from dataclasses import dataclass
from datetime import date, timedelta

ORDER_STATUSES = ("packed", "shipped", "out_for_delivery", "delivered", "placed", "cancelled")
"""By n % 6."""
FIRST_ORDER = 100_000
FIRST_INVOICE = 20_000_000
FIRST_CUSTOMER = 1000
WINDOWS = (("08:00", "10:00"), ("10:00", "12:00"), ("12:00", "14:00"), ("14:00", "16:00"), ("16:00", "18:00"))
AREA_CODES = ("212", "312", "415", "617", "206", "303", "404", "512", "702", "919")
PHONES_PER_AREA = 100
"""555-0100 to 555-0199 are nobody's."""
GIVEN = (
    "Ada",
    "Ben",
    "Chloe",
    "David",
    "Elif",
    "Farid",
    "Grace",
    "Hugo",
    "Ines",
    "Jonas",
    "Kim",
    "Lena",
    "Mateo",
    "Noor",
)
FAMILY = ("Adler", "Brooks", "Cruz", "Diaz", "Evans", "Fischer", "Garcia", "Haddad", "Ito", "Jensen", "Kaur", "Lopez")
ITEMS = ("sofa", "dining table", "bookcase", "washing machine", "desk", "armchair", "wardrobe", "refrigerator")
CARRIERS = ("Northline Freight", "Harbor Parcel", "Own fleet")

Row = tuple[str | int | None, ...]


@dataclass(frozen=True, slots=True)
class Size:
    """How much data there is."""

    customers: int = 200
    orders: int = 600
    invoices: int = 600
    slot_days: int = 60
    crews: int = 1
    """Vans in each window of time, a slot each."""


@dataclass(frozen=True, slots=True)
class Seeded:
    """Rows in the order of the tables' columns."""

    customers: list[Row]
    orders: list[Row]
    invoices: list[Row]
    slots: list[Row]


def phone_of(n: int) -> str:
    """The E.164 number of customer n, counted from 1; all of them belong to fiction."""
    area, line = divmod(n - 1, PHONES_PER_AREA)
    return f"+1{AREA_CODES[area % len(AREA_CODES)]}55501{line:02d}"


def order_status(n: int) -> str:
    """Of order FIRST_ORDER + n."""
    return ORDER_STATUSES[n % len(ORDER_STATUSES)]


def invoice_status(n: int) -> str:
    """Of invoice FIRST_INVOICE + n."""
    if n % 11 == 0:
        return "void"
    if n % 5 == 0:
        return "paid"
    return "overdue" if n % 7 == 0 else "open"


def seeded(seed: int, today: date, size: Size) -> Seeded:
    """All rows; the same for the same arguments."""
    if size.customers > len(AREA_CODES) * PHONES_PER_AREA:
        raise ValueError(f"at most {len(AREA_CODES) * PHONES_PER_AREA} customers: there are no more telephone numbers")
    rng = random.Random(seed)
    customers = [_customer(n, rng) for n in range(1, size.customers + 1)]
    orders = [_order(n, rng, today, size.customers) for n in range(1, size.orders + 1)]
    invoices = [_invoice(n, rng, today, size) for n in range(1, size.invoices + 1)]
    return Seeded(customers, orders, invoices, slots(today, size))


def customer_id(n: int, customers: int) -> str:
    """Whose order or invoice number n is."""
    return f"C{FIRST_CUSTOMER + (n - 1) % customers + 1}"


def _customer(n: int, rng: random.Random) -> Row:
    name = f"{rng.choice(GIVEN)} {rng.choice(FAMILY)}"
    tier = rng.choices(("standard", "plus", "high_value"), (80, 15, 5))[0]
    return f"C{FIRST_CUSTOMER + n}", name, phone_of(n), tier, f"{rng.randrange(10_000, 99_999)}"


def _order(n: int, rng: random.Random, today: date, customers: int) -> Row:
    status = order_status(n)
    placed = today - timedelta(days=rng.randrange(1, 10))
    arrives = today + timedelta(days=0 if status == "out_for_delivery" else rng.randrange(1, 6))
    delivered = today - timedelta(days=rng.randrange(0, 3)) if status == "delivered" else None
    expected = None if status in ("delivered", "cancelled") else arrives.isoformat()
    carrier, item, cents = rng.choice(CARRIERS), rng.choice(ITEMS), rng.randrange(2_500, 180_000)
    return (
        str(FIRST_ORDER + n), customer_id(n, customers), status, item, cents, carrier, f"TR{rng.randrange(10**8):08d}",
        placed.isoformat(), expected, delivered.isoformat() if delivered else None,
    )  # fmt: skip


def _invoice(n: int, rng: random.Random, today: date, size: Size) -> Row:
    status = invoice_status(n)
    cents = rng.randrange(1_000, 90_000)
    due = today + timedelta(days=-rng.randrange(1, 40) if status == "overdue" else rng.randrange(1, 30))
    order = str(FIRST_ORDER + (n - 1) % size.orders + 1)
    paid = cents if status == "paid" else 0
    return str(FIRST_INVOICE + n), customer_id(n, size.customers), order, cents, paid, status == "void", due.isoformat()


def slots(today: date, size: Size) -> list[Row]:
    """Delivery windows from tomorrow on, every day but Sunday, in order of time."""
    days = (today + timedelta(days=ahead) for ahead in range(1, size.slot_days + 1))
    return [
        (f"{day:%Y%m%d}-{start[:2]}-{crew}", day.isoformat(), start, end)
        for day in days if day.weekday() != 6
        for start, end in WINDOWS
        for crew in range(1, size.crews + 1)
    ]  # fmt: skip
