"""Serves a `Truth` on loopback like the API: 100 buckets an answer, newest first, and pages of invoices.

It encodes everything before the first request, so that on two cores the side under test is what costs. A GET of
`/requests` tells how many requests came since the last time it was asked, and how much CPU this process took.
"""

import argparse
import asyncio
import json
import sys
import time
from bisect import bisect_left
from email.utils import formatdate
from urllib.parse import parse_qsl

from truth import DAY_MS, HOUR_MS, Truth

from ai_gateway_billing.api.endpoints import INVOICE_HISTORY, OF_RESOURCE, USAGE_HISTORY

BASE_PATH = "/client/v4"
ROW_LIMIT = 100
_HEAD = b"HTTP/1.1 %d X\r\nDate: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class Api:
    """Answers as bytes, by path and query."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.ids = truth.account_ids
        self.numbers = {name: number for number, name in enumerate(self.ids)}
        self.requests = 0
        self._rows: dict[tuple[str, str], tuple[list[int], list[bytes]]] = {}
        for account_id, number in self.numbers.items():
            for grouping in ("hour", "day"):
                buckets = list(truth.buckets(grouping, number))
                self._rows[account_id, grouping] = [b.start_ms for b in buckets], [_row(b) for b in buckets]
        self._invoices = [_invoice(truth, number) for number in range(truth.invoices)]
        self._fixed = _snapshots(truth)

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, bytes]:
        """Status and body."""
        if path == "/requests":
            told = {"requests": self.requests, "cpu_s": time.process_time()}
            self.requests = 0
            return 200, json.dumps(told).encode()
        self.requests += 1
        path = path.removeprefix(BASE_PATH)
        if path == "/accounts":
            return 200, self._accounts(query)
        account_id, _, endpoint = path.removeprefix("/accounts/").partition("/ai-gateway/billing/")
        if account_id not in self.numbers:
            return 403, b'{"success":false,"errors":[{"code":10000,"message":"Authentication error"}],"result":null}'
        if endpoint == USAGE_HISTORY.name:
            return self._usage(account_id, query)
        if endpoint == INVOICE_HISTORY.name:
            return 200, self._invoice_page(query)
        return 200, self._fixed[endpoint]

    def _accounts(self, query: dict[str, str]) -> bytes:
        page, size = int(query.get("page", 1)), int(query.get("per_page", 20))
        shown = [{"id": name, "name": name} for name in self.ids[(page - 1) * size : page * size]]
        info = {"page": page, "per_page": size, "count": len(shown), "total_count": len(self.ids)}
        return _envelope(json.dumps(shown).encode(), json.dumps(info).encode())

    def _usage(self, account_id: str, query: dict[str, str]) -> tuple[int, bytes]:
        grouping = query["value_grouping_window"]
        first, last = int(float(query["start_time"])), int(float(query["end_time"]))
        width = HOUR_MS if grouping == "hour" else DAY_MS
        if first % width or last % width:
            return 500, b'{"success":false,"errors":[{"code":7000,"message":"Internal error"}],"result":null}'
        starts, rows = self._rows[account_id, grouping]
        low, high = bisect_left(starts, first), bisect_left(starts, last)
        newest_first = rows[max(low, high - ROW_LIMIT) : high][::-1]
        return 200, _envelope(b'{"history":[' + b",".join(newest_first) + b"]}")

    def _invoice_page(self, query: dict[str, str]) -> bytes:
        page, size = int(query.get("page", 1)), int(query.get("per_page", 20))
        shown, count = self._invoices[(page - 1) * size : page * size], len(self._invoices)
        paging = {"has_more": page * size < count, "page": page, "per_page": size, "total_count": count}
        rows, told = b",".join(shown), json.dumps(paging).encode()
        return _envelope(b'{"invoices":[' + rows + b'],"pagination":' + told + b"}")


def _envelope(result: bytes, info: bytes = b"") -> bytes:
    tail = b',"result_info":' + info if info else b""
    return b'{"result":' + result + b',"success":true,"errors":[],"messages":[]' + tail + b"}"


def _row(bucket) -> bytes:
    times = f'"start_time":{bucket.start_ms},"end_time":{bucket.end_ms}'
    return f'{{"id":"{bucket.id}",{times},"aggregated_value":{bucket.value}}}'.encode()


def _invoice(truth: Truth, number: int) -> bytes:
    """The newest has number 0."""
    fields = {
        "id": f"in_bench{number:06d}",
        "created": truth.end_ms // 1000 - 1 - number * 3600,
        "status": "paid",
        "currency": "usd",
        "amount_due": 1050 + number,
        "amount_paid": 1050 + number,
        "amount_remaining": 0,
        "attempt_count": 1,
        "attempted": True,
        "auto_advance": False,
        "created_by": None,
        "description": "Top-up",
        "invoice_origin": "auto",
        "invoice_pdf": "https://invoice.example/pdf",
    }
    return json.dumps(fields).encode()


def _snapshots(truth: Truth) -> dict[str, bytes]:
    period = {"start": (truth.end_ms - 30 * DAY_MS) // 1000, "end": truth.end_ms // 1000}
    zeros = {"amount_paid": 0, "amount_remaining": 0}
    lines = [
        {
            "amount": 1000 + number,
            "currency": "usd",
            "description": f"model/{number}",
            "quantity": 10_000 + number,
            "period": period,
            "pricing": {"unit_amount_decimal": "0.1"},
            "pretax_credit_amounts": [{"amount": 10, "type": "credit_balance_transaction"}],
        }
        for number in range(3)
    ]
    preview = {"id": "upcoming_bench", "status": "draft", "currency": "usd", "amount_due": 3003, **zeros}
    preview |= {"period_start": period["start"], "period_end": period["end"], "invoice_lines": lines}
    config = {"amount": 1000, "threshold": 500, "disabledReason": None, "error": None, "lastFailedAt": None}
    card = {"brand": "visa", "last4": "4242"}
    flags = {"first_topup_success": True, "has_default_payment_method": True, "payment_method": card}
    limit = {"enabled": True, "config": {"amount": 5000, "duration": "monthly", "strategy": "fixed"}}
    answers = {
        "invoice_preview": preview,
        "credit_balance": {"balance": 640, **flags, "topup_config": config},
        "topup_config": config,
        "spending_limit": limit,
    }
    return {OF_RESOURCE[name].name: _envelope(json.dumps(result).encode()) for name, result in answers.items()}


class Connection(asyncio.Protocol):
    """HTTP/1.1 with connections kept alive, as much of it as GET needs."""

    def __init__(self, api: Api, latency_s: float) -> None:
        self._api = api
        self._latency_s = latency_s
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            target = head[: head.index(b"\r\n")].split(b" ")[1].decode()
            path, _, query = target.partition("?")
            status, body = self._api.answer(path, dict(parse_qsl(query)))
            answer = _HEAD % (status, formatdate(usegmt=True).encode(), len(body)) + body
            delay = self._latency_s if path != "/requests" else 0.0
            asyncio.get_running_loop().call_later(delay, self._send, answer) if delay else self._send(answer)

    def _send(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


async def _serve(truth: Truth, latency_s: float) -> None:
    api = Api(truth)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(api, latency_s), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("accounts", "start-ms", "end-ms", "invoices"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    given = parser.parse_args()
    asyncio.run(_serve(Truth(given.accounts, given.start_ms, given.end_ms, given.invoices), given.latency_ms / 1000))


if __name__ == "__main__":
    main()
