"""The record's room: what legal finds, reads and takes out; each look is on the ledger before anything is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from audit.authorities import verify_authority_receipt
from audit.events import Event
from audit.ledger import sequence_pending, verify_proof
from audit.ledger.proofs import proven_entry
from audit.ledger.tiles import LedgerFiles
from audit.tables import HoldRow, LedgerEntryRow
from audit.words import LOOKED_AT
from core.database import reading, transaction
from core.errors import DatabaseBusy
from pipeline.capture.proposals import approve_proposal
from pipeline.search import KINDS
from pipeline.service import create_brand
from pipeline.tables import PersonaRow, RenderRow
from review_ui.accounts import create_account
from review_ui.app import make_app
from review_ui.security import COOKIE
from review_ui.sessions import sign_in, signed_in
from review_ui.tables import AccountRow
from tests.kit.onboarding import examined, proposed
from tests.kit.workers import last_entry
from tests.kit.world import PASSWORD, World
from tests.review_ui.authenticator import ORIGIN


@pytest.fixture
def out(world: World) -> RenderRow:
    return world.released(request_key="order-7")


class Person:
    """Somebody's browser."""

    def __init__(self, client: TestClient):
        self.client, self.csrf = client, ""

    def enter(self, account_id: str) -> None:
        with reading() as session:
            email = session.get_one(AccountRow, account_id).email
        token, _ = sign_in(email, PASSWORD)
        self.client.cookies.set(COOKIE, token)
        found = signed_in(token)
        assert found is not None
        self.csrf = found[1].csrf

    def get(self, address: str, status: int = 200) -> Any:
        answer = self.client.get(address)
        assert answer.status_code == status, answer.text
        return answer

    def post(self, address: str, status: int = 303, **form: str) -> Any:
        answer = self.client.post(address, data={"csrf": self.csrf, **form})
        assert answer.status_code == status, answer.text
        return answer


@pytest.fixture
def legal(world: World) -> Iterator[Person]:
    with TestClient(make_app(), base_url=ORIGIN, follow_redirects=False) as client:
        person = Person(client)
        person.enter(world.legal)
        yield person


@pytest.fixture
def admin(world: World, legal: Person) -> Person:
    """An administrator in the same browser, later."""
    account = create_account(
        brand_id=world.brand_id, email="admin@kit.example", role="admin", password=PASSWORD
    )
    legal.enter(account.id)
    return legal


def looks() -> list[tuple[str, str, str]]:
    """(event, what, of what) of every look, in order."""
    with reading() as session:
        rows = session.scalars(
            select(LedgerEntryRow)
            .where(LedgerEntryRow.event.in_([Event.RECORD_VIEWED, Event.RECORD_EXPORTED]))
            .order_by(LedgerEntryRow.id)
        )
        return [(row.event.rpartition(":")[2], row.facts["kind"], row.subject) for row in rows]


# Search


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_listed_and_its_permalink_shows_the_same(
    world: World, legal: Person, out: RenderRow, kind: str
):
    world.recall(out)
    first = legal.get(f"/record?kind={kind}")
    assert out.id[-8:] in first.text or world.persona.name in first.text
    assert legal.get(f"/record?kind={kind}").text == first.text


def test_filters_live_in_the_address_and_narrow(world: World, legal: Person, out: RenderRow):
    waiting = world.to_review()
    text = legal.get("/record?kind=renders&facet=released").text
    assert out.id[-8:] in text and waiting.id[-8:] not in text
    assert 'href="/record?kind=renders&amp;facet=in_review"' in text  # the other choice
    text = legal.get(f"/record?kind=renders&facet=released&campaign={out.campaign_id}").text
    assert f"facet=in_review&amp;campaign={out.campaign_id}" in text
    assert "Nothing here." in legal.get("/record?kind=renders&until=2001-01-01").text
    assert waiting.id[-8:] not in legal.get(f"/record?kind=decisions&reviewer={world.reviewer}").text


def test_what_is_typed_leads_to_the_thing_or_to_the_people_of_that_name(
    world: World, legal: Person, out: RenderRow
):
    for words in (out.id, "order-7", out.published_sha256):
        where = legal.get(f"/record/find?q={words}", 303).headers["location"]
        assert where == f"/record/renders/{out.id}"
    where = legal.get("/record/find?q=presenter", 303).headers["location"]
    assert where == "/record?kind=people&name=presenter" and world.persona.id in legal.get(where).text


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/record?kind=everything", 404),
        ("/record?kind=renders&facet=x", 422),
        ("/record?kind=renders&campaign=cmp_1", 404),
        ("/record?kind=renders&since=yesterday", 422),
        ("/record?kind=renders&since=2026-02-02&until=2026-02-01", 422),
        ("/record?kind=renders&cursor=x", 422),
        ("/record/register.csv?since=2026-02-02&until=2026-02-01", 422),
        ("/record/register.json?until=x", 422),
        ("/record/people/per_1", 404),
        ("/record/entries/led_1", 404),
        ("/record/entries/led_1/proof.txt", 404),
        ("/record/authorities/aut_1", 404),
    ],
)
def test_what_cannot_be_shown_is_said_and_no_look_is_recorded(legal: Person, address: str, status: int):
    answer = legal.client.get(address)
    assert answer.status_code in (status, 400) and looks() == []


# Timelines


def test_a_timeline_says_in_words_what_happened_and_links_each_entry(
    world: World, legal: Person, out: RenderRow
):
    world.recall(out)
    text = legal.get(f"/record/renders/{out.id}").text
    for words in ("The video was asked for.", "It was released.", "It was recalled."):
        assert words in text
    entry = last_entry(out.id, Event.ASSET_RELEASED).entry_id
    assert f'href="/record/entries/{entry}"' in text and out.published_sha256 in text
    assert (
        "Version 1 of a provenance statement was recorded."
        in legal.get(f"/record/people/{world.persona.id}").text
    )
    assert "The campaign was made, for in by link." in legal.get(f"/record/campaigns/{out.campaign_id}").text


# One entry and its proof


def test_an_entry_is_shown_with_its_proof_which_is_downloaded_as_it_was_checked(
    legal: Person, out: RenderRow
):
    entry = last_entry(out.id, Event.ASSET_RELEASED)
    assert (
        "No signed checkpoint covers this entry yet." in legal.get(f"/record/entries/{entry.entry_id}").text
    )
    legal.get(f"/record/entries/{entry.entry_id}/proof.txt", 409)
    sequence_pending()
    text = legal.get(f"/record/entries/{entry.entry_id}").text
    (verifier,) = LedgerFiles().verifiers()
    assert verifier.vkey in text.replace("&#43;", "+") and "/static/check_proof.py" in text
    proof = legal.get(f"/record/entries/{entry.entry_id}/proof.txt")
    assert "attachment" in proof.headers["content-disposition"]
    assert verify_proof(proof.text, proven_entry(proof.text), [verifier]).root.hex() in text
    assert json.loads(proven_entry(proof.text))["id"] == entry.entry_id
    assert legal.get("/static/check_proof.py").text.startswith('"""Check that an entry')


def test_an_entry_of_another_brand_is_not_there(world: World, legal: Person):
    other = create_brand("Another brand")
    entry = last_entry(other.id, Event.BRAND_CREATED)
    legal.get(f"/record/entries/{entry.entry_id}", 404)
    legal.get(f"/record/entries/{entry.entry_id}/proof.txt", 404)


# Consents as given


def test_a_consent_is_shown_word_for_word_and_downloaded_as_it_was_signed(world: World, legal: Person):
    person = world.add_persona("consent")
    authority = world.authority_of(person)
    text = legal.get(f"/record/authorities/{authority.id}").text
    assert authority.document.consent is not None
    for words in (authority.document.consent.grantee, authority.document.consent.notice_sha256):
        assert words in text
    assert all(digest in text for digest in authority.document.evidence.values())
    receipt = legal.get(f"/record/authorities/{authority.id}/signed.json").json()
    assert verify_authority_receipt(receipt) == authority.document
    assert looks()[-1] == ("exported", "authority", authority.id)


def test_a_consent_that_was_stated_in_a_form_leads_to_it_and_to_its_signed_document(
    world: World, legal: Person
):
    row = proposed(world, examined(world))
    made = approve_proposal(row.id, brand_id=world.brand_id, actor_id=world.legal)
    text = legal.get(f"/record/authorities/{made.id}").text
    assert f"/authorities/proposals/{row.id}" in text and "with a signed document" in text
    legal.get(f"/authorities/proposals/{row.id}")
    assert "stated in a form" not in legal.get(f"/record/authorities/{world.authority.id}").text


def test_an_earlier_version_says_that_it_is_one(world: World, legal: Person):
    first = world.authority.id
    newer = world.supersede()
    text = legal.get(f"/record/authorities/{first}").text
    assert "This is an earlier version." in text and newer.id in text


def test_a_consent_that_does_not_verify_is_not_shown(world: World, legal: Person):
    world.as_database_owner(
        "UPDATE authorities SET document = json_set(document, '$.scope.purpose', 'gambling')"
    )
    answer = legal.client.get(f"/record/authorities/{world.persona.authority_id}")
    assert answer.status_code >= 400 and "gambling" not in answer.text and looks() == []


def test_an_administrator_reads_the_record_but_no_consent(world: World, admin: Person, out: RenderRow):
    person = world.add_persona("consent")
    for address in ("/record", f"/record/renders/{out.id}", f"/record/people/{person.id}", "/record/holds"):
        assert "/record/authorities/" not in admin.get(address).text
    admin.get(f"/record/authorities/{person.authority_id}", 403)
    admin.get(f"/record/authorities/{person.authority_id}/signed.json", 403)


# The register


def test_the_register_is_downloaded_as_csv_and_as_json(legal: Person, out: RenderRow):
    for kind, mime in (("csv", "text/csv"), ("json", "application/json")):
        answer = legal.get(f"/record/register.{kind}?since=2020-01-01&until=")
        assert answer.headers["content-type"].startswith(mime) and out.id in answer.text
        assert answer.headers["content-disposition"] == f'attachment; filename="register.{kind}"'
        assert looks()[-1][:2] == ("exported", f"register_{kind}")
    assert "/record/register.csv" in legal.get("/record/register").text


# Holds


def test_a_hold_is_placed_from_a_timeline_and_lifted_from_its_page(
    world: World, legal: Person, out: RenderRow
):
    form = {"kind": "render", "subject": out.id, "reason": "A made-up case."}
    where = legal.post("/record/holds", **form).headers["location"]
    with reading() as session:
        (row,) = session.scalars(select(HoldRow)).all()
    assert (row.subject, row.actor, where) == (out.id, world.legal, f"/record/holds?done={row.id}")
    text = legal.get(where).text
    assert "The hold is placed." in text and "A made-up case." in text and "Links that exist go on" in text
    assert "on hold" in legal.get(f"/record/renders/{out.id}").text
    legal.post(f"/record/holds/{row.id}/lift", reason="It is settled.")
    assert "It is settled." in legal.get("/record/holds").text
    assert "No hold stands on it." in legal.get(f"/record/renders/{out.id}").text
    legal.post(f"/record/holds/{row.id}/lift", 409, reason="Again.")


def test_a_hold_on_the_campaign_is_said_on_the_videos_page_of_the_record(legal: Person, out: RenderRow):
    legal.post("/record/holds", kind="campaign", subject=out.campaign_id, reason="A made-up case.")
    assert "through the campaign" in legal.get(f"/record/renders/{out.id}").text


def test_what_a_hold_on_a_person_reaches_is_said_before_it_is_placed(
    world: World, legal: Person, out: RenderRow
):
    kin, waiting = world.add_persona(), world.to_review()
    assert "/record/holds/new?kind=person" in legal.get(f"/record/people/{world.persona.id}").text
    text = legal.get(f"/record/holds/new?kind=person&subject={world.persona.id}").text
    for words in (
        f"/record/people/{kin.id}", "they are one person", "1 in review, 1 released",
        "the release of 1 video that is not out", "the links of 1 released video: to stop those, recall it",
    ):  # fmt: skip
        assert words in text
    assert looks()[-1] == ("viewed", "hold_reach", world.persona.id)
    legal.post("/record/holds", kind="person", subject=kin.id, reason="A made-up case.")
    assert "through the person" in legal.get(f"/record/renders/{waiting.id}").text
    assert "Stands already" in legal.get(f"/record/holds/new?kind=render&subject={waiting.id}").text
    legal.get("/record/holds/new?kind=person&subject=per_1", 404)
    legal.get("/record/holds/new?kind=brand&subject=per_1", 422)


def test_namesakes_are_offered_and_those_that_are_ticked_are_held_too(world: World, legal: Person):
    like = {column.key: getattr(world.persona, column.key) for column in PersonaRow.__table__.columns}
    with transaction() as session:
        session.add(
            PersonaRow(**like | {"id": "per_beside", "reference_sha256": "f" * 64, "authority_id": "aut_1"})
        )
    asked = {"kind": "person", "subject": world.persona.id, "also": "per_beside"}
    assert 'value="per_beside"' in legal.get(f"/record/holds/new?kind=person&subject={world.persona.id}").text
    assert re.search(r'value="per_beside" checked', legal.post("/record/holds", 422, **asked, reason="").text)
    legal.post("/record/holds", **asked, reason="A made-up case.")
    with reading() as session:
        assert {*session.scalars(select(HoldRow.subject))} == {world.persona.id, "per_beside"}


@pytest.mark.parametrize(
    ("typed", "status"),
    [
        ({"kind": "render", "subject": "rnd_1", "reason": "Kept <b>words</b>"}, 404),
        ({"kind": "brand", "subject": "brd_1", "reason": "Kept <b>words</b>"}, 422),
        ({"kind": "render", "subject": "rnd_1", "reason": ""}, 422),
    ],
)
def test_a_hold_that_is_refused_keeps_what_was_typed(legal: Person, typed: dict[str, str], status: int):
    text = legal.post("/record/holds", status, **typed).text
    assert typed["subject"] in text and typed["reason"].replace("<", "&lt;").replace(">", "&gt;") in text


# Every look is on the ledger


def test_each_look_is_on_the_ledger_with_who_and_what_and_no_word_of_the_filters(
    world: World, legal: Person, out: RenderRow
):
    legal.get("/record?kind=people&name=Zephyrine")
    legal.get(f"/record/renders/{out.id}")
    legal.get("/record/holds")
    assert looks() == [
        ("viewed", "search_people", world.brand_id),
        ("viewed", "timeline_render", out.id),
        ("viewed", "holds", world.brand_id),
    ]
    entry = last_entry(world.brand_id, Event.RECORD_VIEWED)
    assert entry.facts["actor"] == world.legal
    with reading() as session:
        assert not [e for e in session.scalars(select(LedgerEntryRow.body)) if "ephyrine" in e]
    text = legal.get("/record/looked").text
    assert "Somebody looked at the search over people." in text
    assert "Somebody looked at the video&#39;s timeline." in legal.get(f"/record/renders/{out.id}").text
    assert {kind for _, kind, _ in looks()} <= set(LOOKED_AT)
    assert {f"search_{kind}" for kind in KINDS} < set(LOOKED_AT)
    assert world.ledger().good


@pytest.mark.parametrize(
    "address",
    [
        "/record", "/record/renders/{render}", "/record/people/{person}", "/record/register.csv",
        "/record/authorities/{authority}", "/record/authorities/{authority}/signed.json", "/record/holds",
    ],
)  # fmt: skip
def test_nothing_is_shown_where_the_look_cannot_be_written(
    world: World, legal: Person, out: RenderRow, monkeypatch: pytest.MonkeyPatch, address: str
):
    def away(*_: object, **__: object) -> str:
        raise DatabaseBusy("somebody else holds it")

    monkeypatch.setattr("audit.looked.append", away)
    address = address.format(render=out.id, person=world.persona.id, authority=world.persona.authority_id)
    answer = legal.client.get(address)
    assert answer.status_code == 503 and out.id not in re.sub(r'href="[^"]*"', "", answer.text)
    assert world.persona.name not in answer.text
