"""A pretend Cloudflare account with AI Gateway billing, and the API in front of it.

Nothing here is real: names, ids, tokens and amounts are made up. It knows nothing of the code that reads it,
so a wrong assumption cannot agree with itself.

    world = demo_world()
    simulator = Simulator(world)
    with simulator.serve() as base_url: ...                   # real HTTP on loopback
    httpx.Client(transport=httpx.MockTransport(simulator.handle))  # no socket
"""

from .account import Account
from .buckets import Bucket
from .exact import Raw
from .faults import KINDS as FAULT_KINDS
from .faults import Fault, Faults
from .limits import RateLimit
from .requests import Group
from .simulator import LoggedRequest, Simulator
from .world import DEMO_ACCOUNT_ID, DEMO_START, DEMO_TOKEN, ENDPOINTS, REMOVED, Token, World, demo_world

__all__ = [
    "DEMO_ACCOUNT_ID",
    "DEMO_START",
    "DEMO_TOKEN",
    "ENDPOINTS",
    "FAULT_KINDS",
    "REMOVED",
    "Account",
    "Bucket",
    "Fault",
    "Faults",
    "Group",
    "LoggedRequest",
    "RateLimit",
    "Raw",
    "Simulator",
    "Token",
    "World",
    "demo_world",
]
