"""To whom a brand sends nothing more: found in every form of a key, told to nobody, asked before a video is made."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from sqlalchemy import select

from audit.tables import LedgerEntryRow
from core.database import reading
from core.errors import InputError
from generate.errors import TemplateError
from generate.fields import check_schema
from pipeline import suppression
from pipeline.again import make_again
from pipeline.batch import submit
from pipeline.errors import RecipientSuppressed
from pipeline.service import create_brand
from pipeline.states import State
from pipeline.suppression import Added, normal
from pipeline.tables import CampaignRow, SuppressionRow
from tests.kit.workers import stored
from tests.kit.world import ASHA, FIELDS, World

ADDRESS = "asha@customer.example"
NAMING = {
    **FIELDS,
    "properties": {**FIELDS["properties"], "email": {"type": "string", "maxLength": 200}},
    "required": [*FIELDS["required"], "email"],
    "recipient": "email",
}
WITH_ADDRESS = {**ASHA, "email": ADDRESS}


def add(w: World, *keys: str) -> Added:
    return suppression.add(keys, brand_id=w.brand_id, actor_id=w.operator)


def naming(w: World) -> CampaignRow:
    """A campaign that says which field holds the recipient's key."""
    return w.campaign(fields=NAMING, name="Named")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Asha@Customer.Example", "asha@customer.example"),
        ("  asha@customer.example ", "asha@customer.example"),
        ("ＡＳＨＡ@customer.example", "asha@customer.example"),
        ("+49 (30) 1234-567", "+49301234567"),
        ("0049 30 1234567", "+49301234567"),
        ("030 1234567", "0301234567"),
        ("Customer-77", "customer-77"),
    ],
)
def test_a_key_is_the_same_in_every_way_of_writing_it(one: str, other: str):
    assert normal(one) == normal(other)


@pytest.mark.parametrize("key", ["", "  ", "ab", "x" * 255, "asha\0@customer.example", "a\nb@c.example"])
def test_what_is_no_key_is_refused_and_never_quoted(key: str):
    with pytest.raises(InputError) as refused:
        normal(key)
    assert key.strip() == "" or key not in str(refused.value).replace("an address", "")


def test_keys_come_on_the_list_once_and_go(world: World):
    assert add(world, ADDRESS, "ASHA@customer.example", "+49 30 1234567") == Added(2, 1)
    assert add(world, ADDRESS) == Added(0, 1)
    assert suppression.count(world.brand_id) == 2
    asked = [ADDRESS.upper(), "ben@customer.example", "0049301234567"]
    assert suppression.on_list(asked, brand_id=world.brand_id) == [True, False, True]
    gone = suppression.remove(
        [ADDRESS, ADDRESS, "x@y.example"], brand_id=world.brand_id, actor_id=world.legal
    )
    assert gone == 1
    assert suppression.on_list(asked, brand_id=world.brand_id) == [False, False, True]
    assert add(world, ADDRESS) == Added(1, 0), "it may come back"
    assert world.ledger().good


def test_the_list_and_the_ledger_name_nobody(world: World):
    add(world, ADDRESS)
    with reading() as session:
        rows = session.scalars(select(SuppressionRow)).all()
        entries = session.scalars(
            select(LedgerEntryRow).where(LedgerEntryRow.event.like("delivery:suppression:%"))
        ).all()
    assert len(rows) == len(entries) == 1
    told = json.dumps([vars(row) | {"_sa_instance_state": None} for row in (*rows, *entries)], default=str)
    assert "customer.example" not in told and "asha" not in told.casefold()
    assert suppression.digester(create_brand("Another").id)(normal(ADDRESS)) != rows[0].key_digest


def test_another_brands_list_is_another_one(world: World):
    other = create_brand("Another brand").id
    suppression.add([ADDRESS], brand_id=other, actor_id="usr_other")
    assert suppression.on_list([ADDRESS], brand_id=world.brand_id) == [False]
    assert world.render(WITH_ADDRESS, campaign=naming(world)).state == State.SCRIPTED


ASKS: dict[str, Callable[[World, CampaignRow], object]] = {
    "one video": lambda w, campaign: w.render(WITH_ADDRESS, campaign=campaign),
    "another try": lambda w, campaign: make_again(
        w.reject(w.to_review(fields={**ASHA, "email": "old@customer.example"}, campaign=campaign)).id,
        brand_id=w.brand_id,
        maker_id=w.operator,
        fields=WITH_ADDRESS,
    ),
}


@pytest.mark.parametrize("ask", ASKS)
def test_nothing_is_made_for_somebody_on_the_list(world: World, ask: str):
    campaign = naming(world)
    add(world, ADDRESS)
    before = stored()
    with pytest.raises(RecipientSuppressed) as refused:
        ASKS[ask](world, campaign)
    assert ADDRESS not in str(refused.value)
    assert stored()["renders"] == before["renders"] + (ask == "another try")


def test_somebody_who_comes_on_the_list_meanwhile_gets_no_video(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    """The last look is in the transaction that stores the render."""
    from pipeline import intake

    campaign, decide = naming(world), intake.steps_one_to_three.decide

    def slowly(*rows: object) -> object:
        add(world, ADDRESS)
        return decide(*rows)

    monkeypatch.setattr(intake.steps_one_to_three, "decide", slowly)
    with pytest.raises(RecipientSuppressed):
        world.render(WITH_ADDRESS, campaign=campaign)
    assert stored()["renders"] == 0


def test_of_a_batch_the_row_is_left_out_and_named_by_its_number(world: World):
    campaign = naming(world)
    add(world, ADDRESS)
    lines = [
        b"first_name,remark,email\n",
        b"Ben,Thank you.,ben@customer.example\n",
        b"Asha,Thank you.,Asha@Customer.example\n",
    ]
    report = submit(campaign.id, lines, "csv", key="spring", brand_id=world.brand_id, maker_id=world.operator)
    assert (report.rows, report.made, report.refused) == (2, 1, 1)
    ((number, error),) = report.errors
    assert (number, error.code) == (2, "recipient_suppressed") and "customer" not in str(error)


def test_where_no_field_is_named_a_key_is_found_in_any(world: World):
    """Fails closed: an address that somebody wrote into the remark is an address."""
    add(world, ASHA["remark"])
    with pytest.raises(RecipientSuppressed):
        world.render()
    named = world.render(WITH_ADDRESS, campaign=naming(world))
    assert named.state == State.SCRIPTED, "one is named: that one counts"


def test_the_field_that_names_the_recipient_has_to_be_one():
    """And each recipient has one: else nobody could tell whether somebody is on the list."""
    assert "email" in check_schema(NAMING)
    has_default = {**NAMING["properties"], "email": {"type": "string", "default": "a@b.example"}}
    for wrong in (
        {**FIELDS, "recipient": "email"},
        {**NAMING, "recipient": ["email"]},
        {**NAMING, "required": FIELDS["required"]},
        {**NAMING, "properties": has_default},
    ):
        with pytest.raises(TemplateError):
            check_schema(wrong)


def test_a_file_of_keys_is_taken_in(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(suppression, "CHUNK", 2)
    lines = [
        "\ufeffEmail,Name\r\n",
        f"{ADDRESS},Asha\r\n",
        "\r\n",
        "x,\r\n",
        '"ben@customer.example"\r\n',
        f"{ADDRESS}\r\n",
    ]
    lines += [f"customer-{n}\r\n" for n in range(5)]
    done = suppression.import_csv(
        [line.encode() for line in lines], brand_id=world.brand_id, actor_id=world.operator
    )
    assert (done.added, done.known, done.refused) == (7, 1, (4,))
    assert suppression.on_list([ADDRESS, "name", "customer-4"], brand_id=world.brand_id) == [
        True,
        False,
        True,
    ]
    assert world.ledger().good


@pytest.mark.parametrize(
    "lines", [[b"\xff\xfe\n"], [b"a" * 5_000], [b"abc\0d\n"]], ids=["no text", "endless", "zero"]
)
def test_a_file_that_is_none_is_refused(world: World, lines: list[bytes]):
    with pytest.raises(InputError) as refused:
        suppression.import_csv(lines, brand_id=world.brand_id, actor_id=world.operator)
    assert refused.value.where == "line 1"


def test_one_call_is_bounded(world: World):
    for keys in ([], ["key"] * 1_001):
        with pytest.raises(InputError):
            add(world, *keys)


def test_more_keys_than_one_entry_can_name(world: World):
    assert add(world, *(f"customer-{n}" for n in range(120))) == Added(120, 0)
    assert world.ledger().good
