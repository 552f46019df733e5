"""What the process that sends does: one message to the service, word by word, and whether it was taken."""

from __future__ import annotations

import pytest

from ai_gateway_billing_pipeline.alerts import sending
from support.receiver import receiving

pytest.importorskip("apprise")
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # imported by Apprise


@pytest.mark.parametrize("url", ["json://localhost/x", "json://localhost/x?redirect=yes", "mmost://localhost/token"])
def test_no_service_follows_a_redirect_whatever_its_address_asks_for(url: str) -> None:
    service = sending.service_of(url, 2.5)

    assert not service.redirects


@pytest.mark.parametrize("url", ["", "nonsense", "nobody://localhost/x"])
def test_what_is_no_address_has_no_service(url: str) -> None:
    assert sending.service_of(url, 1.0) is None


@pytest.mark.parametrize(("status", "taken"), [(200, True), (204, True), (403, False), (500, False)])
def test_a_message_was_taken_when_the_service_says_so(status: int, taken: bool) -> None:
    with receiving(status) as receiver:
        assert sending.send(f"json://{receiver.host}/", "Title", "<b>*body*</b> &amp;", "warning", 5.0) == taken

    (sent,) = receiver.json
    assert (sent["title"], sent["message"], sent["type"]) == ("Title", "<b>*body*</b> &amp;", "warning")
