"""Webhooks: told once of each thing that happens to their brand's renders, signed, again until it is taken, and ended
where they say that they are gone."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from audit.ledger import Event, sequence_pending
from core.database import reading
from core.errors import Conflict, InputError, NotFound
from core.outward import AddressRefused, Answered, NoAnswer
from delivery import webhook_messages, webhook_sending, webhooks
from delivery.tables import WebhookMessageRow, WebhookRow
from delivery.webhook_messages import again, page_of_messages, prune, send_test, take_in
from delivery.webhook_sending import PAUSES, TAKEN_SECONDS, send_due
from delivery.webhooks import end, list_webhooks, make_webhook, rotate
from pipeline.service import create_brand
from tests.kit.workers import last_entry, stored
from tests.kit.world import ASHA, BREAKS_A_RULE, World

ADDRESS = "https://hook.example/greenroom"
ALL = list(webhooks.EVENTS)


class Receiver:
    """Stands for the internet: what arrived, and what it answers next."""

    def __init__(self) -> None:
        self.got: list[tuple[str, bytes, dict[str, str]]] = []
        self.answers: list[Answered | Exception] = []

    def __call__(self, address: str, body: bytes, headers: Mapping[str, str]) -> Answered:
        self.got.append((address, body, dict(headers)))
        answer = self.answers.pop(0) if self.answers else Answered(204)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def told(self) -> list[str]:
        return [json.loads(body)["type"] for _, body, _ in self.got]


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def hook(w: World, *events: str, address: str = ADDRESS) -> tuple[WebhookRow, str]:
    return make_webhook(address, events or ALL, brand_id=w.brand_id, actor_id=w.operator)


def tell(pool: ThreadPoolExecutor, receiver: Receiver) -> int:
    """Sequence the ledger, take in, send: as the processes do."""
    sequence_pending()
    while take_in():
        pass
    return send_due(pool, receiver)


def messages(w: World) -> list[WebhookMessageRow]:
    return page_of_messages(brand_id=w.brand_id).rows


def verified(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """As the specification says, with nothing of ours."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, "sha256").digest()).decode()
    return wanted in headers["webhook-signature"].split(" ")


def test_the_check_of_these_tests_agrees_with_the_specifications_example():
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert verified(secret, headers, b'{"test": 2432232314}')
    assert not verified(secret, headers, b'{"test": 2432232315}')


def test_what_happens_to_a_render_is_told_in_order_and_once(
    world: World, pool: ThreadPoolExecutor, receiver: Receiver
):
    _, secret = hook(world)
    out = world.released()
    world.recall(out)
    world.reject(world.to_review())
    world.render(BREAKS_A_RULE)
    assert tell(pool, receiver) > 0
    while tell(pool, receiver):
        pass
    assert sorted(receiver.told()) == [
        "render.approved",
        "render.blocked",
        "render.in_review",
        "render.in_review",
        "render.recalled",
        "render.rejected",
        "render.released",
    ]
    about = [json.loads(body) for _, body, _ in receiver.got]
    mine = [one["type"] for one in about if one["data"]["render"] == out.id]
    assert mine == ["render.in_review", "render.approved", "render.released", "render.recalled"]
    assert all(set(one) == {"type", "timestamp", "data"} for one in about)
    assert all(set(one["data"]) == {"render", "campaign"} for one in about), "and nothing about a recipient"
    assert all(verified(secret, headers, body) for _, body, headers in receiver.got)
    assert len({headers["webhook-id"] for *_, headers in receiver.got}) == len(receiver.got)
    assert ASHA["first_name"] not in str(receiver.got)
    assert {row.state for row in messages(world)} == {"sent"}


def test_a_webhook_is_told_what_it_asked_for_from_then_on(
    world: World, pool: ThreadPoolExecutor, receiver: Receiver
):
    world.released()
    hook(world, "render.released")
    assert tell(pool, receiver) == 0, "what was before it was made is not told"
    world.released()
    tell(pool, receiver)
    assert receiver.told() == ["render.released"]


def test_another_brands_webhook_hears_nothing(world: World, pool: ThreadPoolExecutor, receiver: Receiver):
    make_webhook(ADDRESS, ALL, brand_id=create_brand("Another").id, actor_id="usr_other")
    world.to_review()
    assert tell(pool, receiver) == 0 and messages(world) == []


def test_an_entry_that_is_read_twice_makes_one_message(
    world: World, pool: ThreadPoolExecutor, receiver: Receiver
):
    from core.database import transaction
    from delivery.tables import WebhookReadRow

    hook(world)
    world.to_review()
    tell(pool, receiver)
    with transaction() as session:
        session.get_one(WebhookReadRow, 1).position = 0
    tell(pool, receiver)
    assert receiver.told() == ["render.in_review"]


def test_what_happened_while_nobody_sent_is_told_later(
    world: World, pool: ThreadPoolExecutor, receiver: Receiver
):
    """The relay was away; nothing is lost."""
    hook(world, "render.in_review")
    for _ in range(3):
        world.to_review()
    assert tell(pool, receiver) == 3


# Again until it is taken


def test_it_is_tried_again_on_the_schedule_under_the_same_id(
    world: World, pool: ThreadPoolExecutor, receiver: Receiver
):
    hook(world, "render.in_review")
    world.to_review()
    receiver.answers = [Answered(500), NoAnswer("away", code="timed_out"), Answered(302), Answered(200)]
    for pause in PAUSES[:3]:
        assert tell(pool, receiver) == 1
        assert tell(pool, receiver) == 0, "not before its time"
        world.tick(pause * 1.1 + 1)
    assert tell(pool, receiver) == 1
    (row,) = messages(world)
    assert (row.state, row.attempts, row.status) == ("sent", 4, 200)
    assert {headers["webhook-id"] for *_, headers in receiver.got} == {row.id}


def test_after_the_last_try_it_is_given_up_and_a_person_may_send_it_again(
    world: World, pool: ThreadPoolExecutor, receiver: Receiver
):
    hook(world, "render.in_review")
    world.to_review()
    receiver.answers = [Answered(500)] * (len(PAUSES) + 1)
    for pause in (*PAUSES, 0):
        assert tell(pool, receiver) == 1
        world.tick(pause * 1.1 + 1)
    (row,) = messages(world)
    assert (row.state, row.attempts, row.status) == ("failed", len(PAUSES) + 1, 500)
    assert tell(pool, receiver) == 0
    again(row.id, brand_id=world.brand_id)
    with pytest.raises(Conflict):
        again(row.id, brand_id=world.brand_id)
    assert tell(pool, receiver) == 1 and messages(world)[0].state == "sent"
    assert receiver.got[-1][2]["webhook-id"] == row.id


def test_the_other_side_is_given_the_time_that_it_asks_for(
    world: World, pool: ThreadPoolExecutor, receiver: Receiver
):
    hook(world, "render.in_review")
    world.to_review()
    receiver.answers = [Answered(429, retry_after=600.0)]
    tell(pool, receiver)
    world.tick(500)
    assert tell(pool, receiver) == 0
    world.tick(101)
    assert tell(pool, receiver) == 1


def test_one_that_is_gone_is_ended_and_told_nothing_more(
    world: World, pool: ThreadPoolExecutor, receiver: Receiver
):
    row, _ = hook(world, "render.in_review")
    world.to_review()
    world.to_review()
    receiver.answers = [Answered(410)]
    tell(pool, receiver)
    (now,) = list_webhooks(world.brand_id)
    assert (now.ended_why, now.ended_at is not None) == ("gone", True)
    assert last_entry(row.id, Event.WEBHOOK_CHANGED).facts["reason_code"] == "gone"
    world.to_review()
    world.tick(10 * PAUSES[0])
    tell(pool, receiver)
    assert len(receiver.got) == 1
    assert {one.state for one in messages(world)} == {"failed"}
    with pytest.raises(Conflict):
        again(messages(world)[0].id, brand_id=world.brand_id)
    assert world.ledger().good


def test_one_that_is_away_waits_alone(world: World, pool: ThreadPoolExecutor, receiver: Receiver):
    hook(world, "render.in_review", address="https://away.example/")
    hook(world, "render.in_review", address="https://here.example/")
    for _ in range(3):
        world.to_review()

    def send(address: str, body: bytes, headers: Mapping[str, str]) -> Answered:
        if "away" in address:
            receiver(address, body, headers)
            raise NoAnswer("away", code="timed_out")
        return receiver(address, body, headers)

    sequence_pending()
    take_in()
    send_due(pool, send)
    assert [address for address, *_ in receiver.got].count("https://away.example/") == 1
    assert [address for address, *_ in receiver.got].count("https://here.example/") == 3
    states = {(row.webhook_id, row.attempts) for row in messages(world) if row.state == "waiting"}
    assert sorted(attempts for _, attempts in states) == [0, 1], "the others of it were not tried"


def test_a_message_whose_process_died_is_sent_by_another(
    world: World, pool: ThreadPoolExecutor, receiver: Receiver
):
    hook(world, "render.in_review")
    world.to_review()
    sequence_pending()
    take_in()
    assert len(webhook_sending._take()) == 1, "and then the process died"
    assert send_due(pool, receiver) == 0
    world.tick(TAKEN_SECONDS + 1)
    assert send_due(pool, receiver) == 1


def test_two_that_send_at_once_send_each_message_once(world: World, receiver: Receiver):
    hook(world, "render.in_review")
    for _ in range(4):
        world.to_review()
    sequence_pending()
    take_in()
    with ThreadPoolExecutor(2) as pool, ThreadPoolExecutor(3) as others:
        list(others.map(lambda _: send_due(pool, receiver), range(3)))
    assert len(receiver.got) == len({headers["webhook-id"] for *_, headers in receiver.got}) == 4


def test_an_address_that_leads_inside_by_now_is_a_failure_like_another(
    world: World, pool: ThreadPoolExecutor, receiver: Receiver
):
    hook(world, "render.in_review")
    world.to_review()
    receiver.answers = [AddressRefused("inside")]
    tell(pool, receiver)
    (row,) = messages(world)
    assert (row.state, row.attempts, row.status, row.error) == ("waiting", 1, None, "address_refused")


# Secrets


def test_for_a_day_both_secrets_sign(world: World, pool: ThreadPoolExecutor, receiver: Receiver):
    row, old = hook(world, "render.in_review")
    _, new = rotate(row.id, brand_id=world.brand_id, actor_id=world.operator)
    assert new != old and new.startswith("whsec_") and len(base64.b64decode(new[6:])) == 32
    world.to_review()
    tell(pool, receiver)
    _, body, headers = receiver.got[0]
    assert verified(old, headers, body) and verified(new, headers, body)
    world.tick(24 * 3600 + 1)
    world.to_review()
    tell(pool, receiver)
    _, body, headers = receiver.got[1]
    assert not verified(old, headers, body) and verified(new, headers, body)
    assert world.ledger().good


def test_the_database_holds_no_secret(world: World):
    row, secret = hook(world)
    with reading() as session:
        values = [vars(each) for each in session.scalars(select(WebhookRow))]
    assert secret not in str(values) and secret.removeprefix("whsec_") not in str(values)
    other, another = hook(world, address="https://hook.example/other")
    assert another != secret and other.id != row.id


# Who may, and what may not be


@pytest.mark.parametrize(
    ("address", "events"),
    [
        ("http://hook.example/", ALL),
        ("https://127.0.0.1/", ALL),
        (ADDRESS, []),
        (ADDRESS, ["render.released", "render.sold"]),
    ],
)
def test_what_is_no_webhook_is_refused(world: World, address: str, events: list[str]):
    before = stored()
    with pytest.raises(InputError):
        make_webhook(address, events, brand_id=world.brand_id, actor_id=world.operator)
    assert stored() == before


def test_a_brand_has_so_many_and_no_more(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(webhooks, "MOST", 1)
    row, _ = hook(world)
    with pytest.raises(Conflict):
        hook(world, address="https://hook.example/other")
    end(row.id, brand_id=world.brand_id, actor_id=world.operator)
    hook(world)
    assert [each.ended_why for each in list_webhooks(world.brand_id)] == ["", "by_hand"]


def test_a_form_that_is_sent_twice_makes_one(world: World):
    hook(world)
    with pytest.raises(Conflict):
        hook(world)
    assert len(list_webhooks(world.brand_id)) == 1
    make_webhook(ADDRESS, ALL, brand_id=create_brand("Another").id, actor_id="usr_other")


def test_another_brands_webhook_and_messages_are_not_there(
    world: World, pool: ThreadPoolExecutor, receiver: Receiver
):
    row, _ = hook(world)
    message = send_test(row.id, brand_id=world.brand_id)
    tell(pool, receiver)
    assert receiver.told() == ["webhook.test"] and json.loads(receiver.got[0][1])["data"] == {}
    other = create_brand("Another").id
    for act in (
        lambda: rotate(row.id, brand_id=other, actor_id="usr_other"),
        lambda: end(row.id, brand_id=other, actor_id="usr_other"),
        lambda: send_test(row.id, brand_id=other),
        lambda: again(message.id, brand_id=other),
    ):
        with pytest.raises(NotFound):
            act()
    assert page_of_messages(brand_id=other).rows == []


def test_messages_of_long_ago_are_deleted_unless_they_wait(
    world: World, pool: ThreadPoolExecutor, receiver: Receiver
):
    row, _ = hook(world)
    send_test(row.id, brand_id=world.brand_id)
    tell(pool, receiver)
    send_test(row.id, brand_id=world.brand_id)
    assert prune() == 0
    world.tick(webhook_messages.KEPT.total_seconds() + 60)
    assert prune() == 1 and [one.state for one in messages(world)] == ["waiting"]


def test_the_relays_process_tells(world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch):
    """The thread beside the relay, as it runs: what happened arrives, and its end is waited for."""
    import time

    from greenroom import telling

    row, _ = hook(world)
    send_test(row.id, brand_id=world.brand_id)
    monkeypatch.setattr(telling, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(telling, "send_due", lambda pool: send_due(pool, receiver))
    with telling.telling():
        until = time.monotonic() + 10
        while not receiver.got and time.monotonic() < until:
            time.sleep(0.01)
    assert receiver.told() == ["webhook.test"]
    got: Any = receiver.got[0][0]
    assert got == ADDRESS
