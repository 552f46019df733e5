"""From findings to messages: what is there, what of it is news for whom, and the memory of what was told."""

import logging
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ai_gateway_billing.errors import BillingError, DatabaseBusyError
from ai_gateway_billing_pipeline.database.checks import Executor
from ai_gateway_billing_pipeline.settings import Store
from ai_gateway_billing_pipeline.terminal import exits

from . import news, stored, texts
from .survey import Survey

if TYPE_CHECKING:
    from .addresses import Address

_KEEP_WAIT_S = 300.0
"""Far longer than most loads take: what was told and cannot be kept is told again."""

Make = Callable[[news.News, news.Told, datetime], news.Told]
"""From what was told before to what is to be remembered."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to be told and kept: alerts that changed, and for each address its news."""

    alerts: Sequence[stored.Alert]
    items: Mapping["Address", Sequence[news.News]]
    memory: stored.Memory

    def known(self, address: "Address", item: news.News) -> news.Told:
        """What the address was told of it before."""
        return self.memory.told.get(address.mark, {}).get(item.finding.id, news.Told())

    def notices(self, made: Mapping["Address", Make], now: datetime) -> stored.Notices:
        """What is to be kept of these addresses."""
        return {
            (item.finding.id, address.mark): (item.finding.account_id, make(item, self.known(address, item), now))
            for address, make in made.items()
            for item in self.items[address]
        }


@dataclass(frozen=True, slots=True)
class Alerting:
    """Everybody who is told, what is looked at, and how often it is told again."""

    store: Store
    addresses: Sequence["Address"]
    remind_after: timedelta
    wait_s: float = 0.0

    def tell(self, there: Survey, now: datetime) -> None:
        """Send what is news and remember it. Raises `DatabaseBusyError`, and then nothing was sent."""
        plan = self._plan(there, there.memory, now)
        if any(plan.items.values()):
            self._send(self._claimed(there, plan, now), there, now)
        else:
            self._keep(plan.alerts, {}, now, 0.0)

    def _plan(self, there: Survey, memory: stored.Memory, now: datetime) -> Plan:
        gone = memory.gone(there.found, there.checks)
        items = {
            address: list(news.news(there.found, gone, memory.told.get(address.mark, {}), now, self.remind_after))
            for address in self.addresses
        }
        return Plan(list(stored.seen(memory, there.found, gone, now)), items, memory)

    def _claimed(self, there: Survey, plan: Plan, now: datetime) -> Plan:
        """The plan by what is kept now, and claimed. Where nothing can be kept, it is told all the same."""
        try:
            with _changed(self.store, self.wait_s) as database:
                stored.prepare(database)
                plan = self._plan(there, stored.read(database), now)
                stored.write(database, plan.alerts, plan.notices(dict.fromkeys(self.addresses, news.claimed), now), now)
        except DatabaseBusyError:
            raise
        except _NowhereError:
            pass
        except (BillingError, OSError) as error:
            log.warning("What is told cannot be kept, and will be told again: %s", _words(error))
        return plan

    def _send(self, plan: Plan, there: Survey, now: datetime) -> None:
        place = texts.Place(socket.gethostname(), str(self.store), there.names)
        alerts = {**plan.memory.alerts, **{alert.id: alert for alert in plan.alerts}}
        since = {name: alert.first_seen_at for name, alert in alerts.items()}
        made: dict[Address, Make] = {}
        for address, items in plan.items.items():
            if items:
                made[address] = news.after if address.send(items, place, since) else news.released
        self._keep([], plan.notices(made, now), now, max(self.wait_s, _KEEP_WAIT_S))

    def _keep(self, alerts: Sequence[stored.Alert], notices: stored.Notices, now: datetime, wait_s: float) -> None:
        if not alerts and not notices:
            return
        try:
            with _changed(self.store, wait_s) as database:
                stored.prepare(database)
                stored.write(database, alerts, notices, now)
        except _NowhereError:
            pass
        except (BillingError, OSError) as error:
            if notices:
                log.warning("What was told could not be kept, and may be told once more: %s", _words(error))


class _NowhereError(Exception):
    """There is no database yet: what is told is not remembered."""


@contextmanager
def _changed(store: Store, wait_s: float) -> Iterator[Executor]:
    """The database to write into. Neither a load nor a second teller writes meanwhile."""
    from ai_gateway_billing_pipeline.loading import store as places  # noqa: PLC0415  # brings dlt, which takes time

    if store.is_file and not store.database.exists():
        raise _NowhereError
    with places.changed(store, wait_s) as sql:
        yield sql


def _words(error: Exception) -> str:
    return str(exits.as_billing_error(error))
