"""Where the proxies of trunks are: DNS, asked beside the calls and never waited for by one.

Each trunk whose proxy is a name is asked for as often as its records' time to live says. What was found last is kept,
on disk too, so that neither a resolver that is away nor the death of this process takes a trunk's proxies with it.
It decides nothing about their order. Source: RFC 3263 §4.2, RFC 2782, RFC 2308 (a name that is not there is not asked
for again at once).
"""

import asyncio
import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.resolver
import structlog

from keepline.call.inputs import TrunkLocated
from keepline.model.limits import DNS_NEGATIVE_S, DNS_S_MAX, DNS_TTL_S_MAX, DNS_TTL_S_MIN, LOCATED_SERVERS_MAX
from keepline.model.operation import HostPort, Operation, Trunk, is_address
from keepline.sip.locating import ServiceRecord, SipServer, plain_service, service_name

log = structlog.get_logger("calls")


class NotLocatedError(Exception):
    """A name stands for nothing, or nobody could be asked; the text says which."""


@dataclass(frozen=True, slots=True)
class Located:
    """An answer."""

    servers: tuple[SipServer, ...]
    ttl_s: float


class Resolver:
    """Asks for the servers of one name."""

    def __init__(self, servers: Iterable[HostPort], families: frozenset[str]) -> None:
        """`servers`: the resolvers to ask, none for the system's; `families`: A, AAAA or both."""
        named = [dns.nameserver.Do53Nameserver(each.host, each.port) for each in servers]
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=not named)
        except dns.resolver.NoResolverConfiguration:  # a machine without /etc/resolv.conf: nobody to ask
            self._resolver = dns.asyncresolver.Resolver(configure=False)
        if named:
            self._resolver.nameservers = named
        self._resolver.cache = None  # who asks keeps what it heard
        self._families = sorted(families)

    async def locate(self, host: str, port: int, transport: str) -> Located:
        """The servers of a name. Raises `NotLocatedError`."""
        service = service_name(host, port, transport)
        records, ttl_s = await self._services(service) if service else ([], DNS_TTL_S_MAX)
        if any(not record.host for record in records):
            raise NotLocatedError(f"{host} says that it serves no SIP over {transport.upper()}")
        first = sorted(records or [plain_service(host, port)], key=lambda record: record.priority)[:LOCATED_SERVERS_MAX]
        found = await asyncio.gather(*(self._server(record) for record in first))
        servers = tuple(server for server, _ in found if server.addresses)
        if not servers:
            raise NotLocatedError(f"no {' and no '.join(self._families)} record of {', '.join(r.host for r in first)}")
        ttl_s = min([ttl_s, *(each for server, each in found if server.addresses)])
        return Located(servers, min(max(ttl_s, DNS_TTL_S_MIN), DNS_TTL_S_MAX))

    async def _services(self, service: str) -> tuple[list[ServiceRecord], float]:
        answer = await self._ask(service, "SRV")
        if answer is None or answer.rrset is None:
            return [], DNS_TTL_S_MAX
        records = [
            ServiceRecord(each.priority, each.weight, each.port, each.target.to_text(omit_final_dot=True).lower())
            for each in answer.rrset
        ]
        return [ServiceRecord(r.priority, r.weight, r.port, r.host.strip(".")) for r in records], answer.rrset.ttl

    async def _server(self, record: ServiceRecord) -> tuple[SipServer, float]:
        ttl_s, addresses = DNS_TTL_S_MAX, []
        for family in self._families:
            answer = await self._ask(record.host, family)
            if answer is not None and answer.rrset is not None:
                ttl_s = min(ttl_s, float(answer.rrset.ttl))
                addresses += [str(each.address) for each in answer.rrset]
        return SipServer(tuple(addresses), record.port, record.priority, record.weight), ttl_s

    async def _ask(self, name: str, kind: str) -> dns.resolver.Answer | None:
        """None where there is no such record, which an answer said."""
        try:
            return await self._resolver.resolve(name, kind, lifetime=DNS_S_MAX, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return None
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise NotLocatedError(f"asking for {kind} of {name}: {error or type(error).__name__}") from None


class Locator:
    """Keeps the core told where the trunks of one operation are."""

    def __init__(self, resolver: Resolver, feed: Callable[[TrunkLocated], None], kept: Path) -> None:
        """`kept` is the file of what was found last."""
        self._resolver = resolver
        self._feed = feed
        self._kept = kept
        self._last = read_kept(kept)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, operation: Operation) -> None:
        """Tell what was found last, and ask from now on."""
        for trunk in operation.trunks:
            outbound = trunk.outbound
            if outbound is None or is_address(outbound.proxy_host):
                continue
            known = self._last.get(_key(trunk), ())
            if known:
                self._feed(TrunkLocated(trunk.name, known))
            self._tasks.append(asyncio.get_running_loop().create_task(self._follow(trunk)))

    def stop(self) -> None:
        """Ask no more."""
        for task in self._tasks:
            task.cancel()

    async def _follow(self, trunk: Trunk) -> None:
        assert trunk.outbound is not None
        host, port, transport = trunk.outbound.proxy_host, trunk.outbound.proxy_port, trunk.outbound.transport
        trouble = ""
        while True:
            try:
                found = await self._resolver.locate(host, port, transport)
            except NotLocatedError as error:
                if str(error) != trouble:
                    trouble = str(error)
                    kept = "what was found last is used" if self._last.get(_key(trunk)) else "no call goes out by it"
                    log.warning("trunk_not_located", trunk=trunk.name, proxy=host, what=trouble, meaning=kept)
                await asyncio.sleep(DNS_NEGATIVE_S)
                continue
            if trouble:
                log.info("trunk_located", trunk=trunk.name, proxy=host)
                trouble = ""
            self._take(trunk, found.servers)
            await asyncio.sleep(found.ttl_s)

    def _take(self, trunk: Trunk, servers: tuple[SipServer, ...]) -> None:
        if self._last.get(_key(trunk)) == servers:
            self._feed(TrunkLocated(trunk.name, servers))
            return
        self._last[_key(trunk)] = servers
        self._feed(TrunkLocated(trunk.name, servers))
        try:
            write_kept(self._kept, self._last)
        except OSError as error:  # a successor asks anew
            log.warning("located_not_kept", what=str(error))


def _key(trunk: Trunk) -> str:
    """What an answer is the answer to: another proxy of the same trunk has another one."""
    assert trunk.outbound is not None
    return f"{trunk.outbound.transport}:{trunk.outbound.proxy_host}:{trunk.outbound.proxy_port}"


def read_kept(path: Path) -> dict[str, tuple[SipServer, ...]]:
    """What was found last; nothing where the file cannot be read."""
    with suppress(OSError, ValueError, TypeError, AttributeError):
        told = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(key): tuple(
                SipServer(tuple(map(str, addresses)), int(port), int(priority), int(weight))
                for addresses, port, priority, weight in servers
            )
            for key, servers in told.items()
        }
    return {}


def write_kept(path: Path, located: dict[str, tuple[SipServer, ...]]) -> None:
    """Keep it. Raises `OSError`."""
    told = {key: [[s.addresses, s.port, s.priority, s.weight] for s in servers] for key, servers in located.items()}
    new = path.with_suffix(".new")
    new.write_text(json.dumps(told), encoding="utf-8")
    new.replace(path)
