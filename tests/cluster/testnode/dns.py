"""The cluster's DNS: services and pods' host names, from EndpointSlices, as pod addresses."""

import asyncio
from typing import cast

from dnslib import QTYPE, RCODE, RR, A, DNSRecord  # type: ignore[import-untyped]

from tests.cluster.testnode.informer import Informer

ZONE = "svc.cluster.local"
TTL = 1


class Resolver(asyncio.DatagramProtocol):
    """Answers on the bridge, by UDP."""

    def __init__(self, slices: Informer, services: Informer, server: str) -> None:
        self._slices, self._services, self._server = slices, services, server
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        try:
            request = DNSRecord.parse(data)
        except Exception:
            return
        self._transport.sendto(self.answer(request).pack(), addr)

    def answer(self, request: DNSRecord) -> DNSRecord:
        reply = request.reply()
        name = str(request.q.qname).rstrip(".").lower()
        found = self.addresses(name)
        if not found:
            reply.header.rcode = RCODE.NXDOMAIN
        elif request.q.qtype == QTYPE.A:
            for address in found:
                reply.add_answer(RR(request.q.qname, QTYPE.A, rdata=A(address), ttl=TTL))
        return reply

    def addresses(self, name: str) -> list[str]:
        """The pod addresses behind a name of the zone."""
        if not name.endswith(f".{ZONE}"):
            return []
        labels = name.removesuffix(f".{ZONE}").split(".")
        if labels == ["kubernetes", "default"]:
            return [self._server]
        if len(labels) not in (2, 3):
            return []
        host, service, namespace = labels if len(labels) == 3 else ["", *labels]
        known = self._services.find(namespace, service)
        early = bool(known and known["spec"].get("publishNotReadyAddresses"))
        found = []
        for one in self._slices.objects.values():
            meta = one["metadata"]
            if meta["namespace"] != namespace:
                continue
            if (meta.get("labels") or {}).get("kubernetes.io/service-name") != service:
                continue
            for endpoint in one.get("endpoints") or []:
                ready = early or (endpoint.get("conditions") or {}).get("ready", True)
                if ready and host in ("", endpoint.get("hostname")):
                    found += endpoint["addresses"]
        return found


async def serve(resolver: Resolver, address: str) -> asyncio.DatagramTransport:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: resolver, local_addr=(address, 53), reuse_port=True
    )
    return transport
