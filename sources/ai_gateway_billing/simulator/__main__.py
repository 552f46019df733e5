"""`python -m ai_gateway_billing.simulator`: serve simulated accounts on loopback until interrupted."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from .limits import RateLimit
from .simulator import Simulator
from .world import DEMO_START, demo_world


def _forever() -> None:
    threading.Event().wait()


def main(arguments: Sequence[str] | None = None, wait: Callable[[], None] = _forever) -> None:
    """Read the options, serve, print how to connect, and wait to be interrupted."""
    options = _parser().parse_args(arguments)
    world = demo_world(options.accounts, start=options.start, writable=options.writable, tokens=options.tokens)
    simulator = Simulator(
        world,
        rate_limit=RateLimit() if options.rate_limit else None,
        graphql_limit=RateLimit(quota=300) if options.rate_limit else None,
        latency_s=options.latency_ms / 1000,
        compresses=options.gzip,
    )
    with simulator.serve(options.port) as base_url:
        sys.stdout.write(f"CLOUDFLARE_BASE_URL={base_url}\n")
        for token, about in world.tokens.items():
            sys.stdout.write(f"CLOUDFLARE_API_TOKEN={token}\n")
            sys.stdout.write(f"CLOUDFLARE_ACCOUNT_ID={','.join(sorted(about.reads))}\n")
        sys.stdout.flush()
        try:
            wait()
        except KeyboardInterrupt:
            sys.stdout.write(f"{len(simulator.requests)} requests answered\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ai_gateway_billing.simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 picks a free one (default: 0)")
    parser.add_argument("--accounts", type=int, default=1, help="number of accounts (default: 1)")
    parser.add_argument(
        "--tokens", type=int, default=1, help="number of tokens that share the accounts out among them (default: 1)"
    )
    parser.add_argument(
        "--start", type=_day, default=DEMO_START, help="first day of the history, YYYY-MM-DD (default: 2025-08-01)"
    )
    parser.add_argument("--writable", action="store_true", help="let the token change the accounts, too")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="minimum time of each answer (default: 0)")
    parser.add_argument(
        "--rate-limit",
        action="store_true",
        help="allow 1,200 requests and 300 GraphQL queries in 5 minutes and announce it in headers",
    )
    parser.add_argument("--gzip", action="store_true", help="compress answers for clients that accept gzip")
    return parser


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


if __name__ == "__main__":
    main()
