"""The authoritative server of all names in the lab; it reads the region at each query.

It is also the root server, so that the lab's resolver needs no other. TTLs and negative answers
(RFC 2308) are those of the zones; only the resolver caches.
"""

import socketserver
import struct
import threading
from functools import partial
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset

from lab.region import block_lists
from lab.region.memory import Memory
from lab.region.names import SOA, Found, lookup

CHAIN = 8


def respond(memory: Memory, query: dns.message.Message, client: str = "") -> dns.message.Message:
    """The answer to a query of a client's address."""
    response = dns.message.make_response(query)
    if query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
        response.set_rcode(dns.rcode.NOTIMP)
        return response
    response.flags |= dns.flags.AA
    question = query.question[0]
    name = question.name
    kind = dns.rdatatype.to_text(question.rdtype)
    if name.to_text().lower() in memory.names.failing:
        response.set_rcode(dns.rcode.SERVFAIL)
        return response
    if kind == "A" and (code := block_lists.refusal(memory, name.to_text().lower(), client)):
        _add(response, name, kind, [(block_lists.TTL, code)])
        return response
    found, records = Found(".", [], False), []
    for _ in range(CHAIN):
        found = lookup(memory, name.to_text().lower())
        records = [(t, v) for k, t, v in found.records if kind in (k, "ANY")]
        aliases = [(t, v) for k, t, v in found.records if k == "CNAME"]
        if records or not aliases or kind == "CNAME":
            break
        _add(response, name, "CNAME", aliases)
        name = dns.name.from_text(aliases[0][1])
    if records:
        kinds = sorted({k for k, _, _ in found.records}) if kind == "ANY" else [kind]
        for each in kinds:
            _add(response, name, each, [(t, v) for k, t, v in found.records if k == each])
        return response
    if not found.exists:
        response.set_rcode(dns.rcode.NXDOMAIN)
    _negative(memory, response, found)
    return response


def _add(
    response: dns.message.Message, name: dns.name.Name, kind: str, records: list[tuple[int, str]]
) -> None:
    if records:
        ttl = min(t for t, _ in records)
        texts = [value for _, value in records]
        response.answer.append(dns.rrset.from_text_list(name, ttl, "IN", kind, texts))


def _negative(memory: Memory, response: dns.message.Message, found: Found) -> None:
    zone = lookup(memory, found.zone) if found.zone not in (".", "in-addr.arpa.") else None
    soa = next(((t, v) for k, t, v in zone.records if k == "SOA"), None) if zone else None
    ttl, text = soa or (found.minimum, SOA.format(minimum=found.minimum))
    minimum = int(text.split()[-1])
    response.authority.append(dns.rrset.from_text(found.zone, min(ttl, minimum), "IN", "SOA", text))


class _Udp(socketserver.BaseRequestHandler):
    def __init__(self, memory: Memory, *given: Any) -> None:
        self.memory = memory
        super().__init__(*given)

    def handle(self) -> None:
        data, socket = self.request
        try:
            query = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return
        size = query.payload if query.edns >= 0 else 512
        try:
            answer = respond(self.memory, query, self.client_address[0])
            wire = answer.to_wire(max_size=size)
        except dns.exception.TooBig:
            short = dns.message.make_response(query)
            short.flags |= dns.flags.TC | dns.flags.AA
            wire = short.to_wire()
        socket.sendto(wire, self.client_address)


class _Tcp(socketserver.StreamRequestHandler):
    timeout = 10

    def __init__(self, memory: Memory, *given: Any) -> None:
        self.memory = memory
        super().__init__(*given)

    def handle(self) -> None:
        while len(header := self.rfile.read(2)) == 2:
            (size,) = struct.unpack("!H", header)
            query = dns.message.from_wire(self.rfile.read(size))
            wire = respond(self.memory, query, self.client_address[0]).to_wire()
            self.wfile.write(struct.pack("!H", len(wire)) + wire)


class _UdpServer(socketserver.ThreadingUDPServer):
    daemon_threads = True
    allow_reuse_address = True


class _TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def serve(memory: Memory, address: str, port: int) -> None:
    """Listen on UDP and TCP, in threads of their own."""
    at = (address, port)
    udp, tcp = _UdpServer(at, partial(_Udp, memory)), _TcpServer(at, partial(_Tcp, memory))
    for server in (udp, tcp):
        threading.Thread(target=server.serve_forever, daemon=True).start()
