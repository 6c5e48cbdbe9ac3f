"""An invitation makes one account, as it says, once; whoever wrote the database alone makes none."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from audit.ledger import verify_ledger
from core.database import now, transaction
from core.errors import Conflict, Forbidden, GreenroomError, InputError, NotFound
from pipeline.service import create_brand
from pipeline.tables import RenderRow
from review_ui import changes
from review_ui.accounts import authenticate, list_accounts
from review_ui.invitations import (
    InvitationOver,
    accept,
    accept_with_account,
    invite,
    list_invitations,
    open_invitation,
    revoke_invitation,
    state_of,
)
from review_ui.memberships import brand_ids_of, brands_of, join_brand, leave, people_of, persona_of, work_at
from review_ui.people import names_of
from review_ui.seals import seal
from review_ui.tables import AccountRow, InvitationRow, MembershipRow
from tests.review_ui.conftest import PASSWORD

MakeAccount = Callable[..., AccountRow]

ASKED = {"role": "senior_reviewer", "hours": "24", "at_brand": "brd_1"}


@pytest.fixture
def admin(new_account: MakeAccount) -> AccountRow:
    return new_account("admin", role="admin")


def test_an_invitation_makes_one_account_with_its_role(admin: AccountRow):
    row, token = invite(by=admin, role="reviewer", brand_ids=["brd_1"])
    account = accept(token, email="New@brand.example", password=PASSWORD)
    assert (account.role, account.brand_id) == ("reviewer", "brd_1")
    assert authenticate("new@brand.example", PASSWORD).id == account.id
    with pytest.raises(InvitationOver):
        accept(token, email="other@brand.example", password=PASSWORD)
    with transaction() as session:
        assert state_of(session.get_one(InvitationRow, row.id)) == "used"
        assert token not in str(session.get_one(InvitationRow, row.id).__dict__)
    assert verify_ledger().good


def ended(row: InvitationRow, _: AccountRow) -> None:
    with transaction() as session:
        mine = session.get_one(InvitationRow, row.id)
        mine.expires_at = now() - timedelta(seconds=1)
        seal(mine)


def taken_back(row: InvitationRow, _: AccountRow) -> None:
    revoke_invitation(row.id, brand_id="brd_1", actor=None)


def made_more_of_by_hand(row: InvitationRow, _: AccountRow) -> None:
    with transaction() as session:
        session.get_one(InvitationRow, row.id).role = "admin"


def moved_by_hand(row: InvitationRow, _: AccountRow) -> None:
    with transaction() as session:
        session.get_one(InvitationRow, row.id).brand_ids = ["brd_2"]


def its_maker_left(_: InvitationRow, admin: AccountRow) -> None:
    changes.disable(admin.id)


def its_maker_works_there_no_more(_: InvitationRow, admin: AccountRow) -> None:
    join_brand(admin.id, create_brand("Another brand").id)
    leave(admin.id, "brd_1")


def its_maker_has_another_role(_: InvitationRow, admin: AccountRow) -> None:
    changes.set_role(admin.id, "operator")


@pytest.mark.parametrize(
    "end",
    [
        ended,
        taken_back,
        made_more_of_by_hand,
        moved_by_hand,
        its_maker_left,
        its_maker_works_there_no_more,
        its_maker_has_another_role,
    ],
    ids=lambda end: end.__name__,
)
def test_one_that_is_over_opens_nothing(
    admin: AccountRow, client: TestClient, end: Callable[[InvitationRow, AccountRow], None]
):
    row, token = invite(by=admin, role="reviewer", brand_ids=["brd_1"])
    end(row, admin)
    before = len(list_accounts())
    assert client.get(f"/invitation/{token}").status_code == 404
    form = {"email": "new@brand.example", "password": PASSWORD, "again": PASSWORD}
    assert client.post(f"/invitation/{token}", data=form).status_code == 404
    assert len(list_accounts()) == before


def test_of_two_who_use_it_at_once_one_does(admin: AccountRow):
    _, token = invite(by=admin, role="legal", brand_ids=["brd_1"])

    def one(number: int) -> bool:
        try:
            accept(token, email=f"p{number}@brand.example", password=PASSWORD)
        except GreenroomError as error:
            assert isinstance(error, InvitationOver)
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(one, range(4))) == 1


@pytest.mark.parametrize("email", ["nobody", "admin@brand.example"])
def test_a_wrong_address_does_not_use_it_up(admin: AccountRow, email: str):
    _, token = invite(by=admin, role="legal", brand_ids=["brd_1"])
    with pytest.raises(GreenroomError):
        accept(token, email=email, password=PASSWORD)
    assert accept(token, email="new@brand.example", password=PASSWORD).role == "legal"


def test_nobody_invites_to_a_brand_that_is_not_theirs(admin: AccountRow):
    other = create_brand("Another brand")
    with pytest.raises(NotFound):
        invite(by=admin, role="admin", brand_ids=["brd_1", other.id])
    invite(by=None, role="admin", brand_ids=["brd_1", other.id])  # the machine's owner


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"role": "revewer"}, InputError),
        ({"brand_ids": []}, InputError),
        ({"hours": 0}, InputError),
        ({"hours": float("nan")}, InputError),
        ({"hours": 10_000}, InputError),
        ({"role": "persona"}, InputError),
        ({"persona_id": "per_1"}, InputError),
        ({"role": "persona", "persona_id": "per_absent"}, NotFound),
        ({"role": "persona", "persona_id": "per_1", "brand_ids": ["brd_1", "brd_2"]}, InputError),
    ],
)
def test_what_an_invitation_cannot_say(admin: AccountRow, asked: dict[str, object], error: type[Exception]):
    with pytest.raises(error):
        invite(**{"by": admin, "role": "legal", "brand_ids": ["brd_1"]} | asked)  # type: ignore[arg-type]


def test_somebody_invited_to_two_brands_works_at_one_at_a_time(admin: AccountRow):
    other = create_brand("Another brand")
    _, token = invite(by=None, role="operator", brand_ids=["brd_1", other.id])
    account = accept(token, email="two@brand.example", password=PASSWORD)
    assert {brand.id for brand in brands_of(account)} == {"brd_1", other.id}
    moved = work_at(account.id, other.id)
    assert moved.brand_id == other.id and {brand.id for brand in brands_of(moved)} == {"brd_1", other.id}
    assert work_at(account.id, "brd_1").brand_id == "brd_1"
    assert verify_ledger().good


def test_an_account_of_one_brand_finds_its_way_back(admin: AccountRow):
    """As every account of before memberships is."""
    other = create_brand("Another brand")
    with pytest.raises(NotFound):
        work_at(admin.id, other.id)
    join_brand(admin.id, other.id)
    assert {brand.id for brand in brands_of(work_at(admin.id, other.id))} == {"brd_1", other.id}


def test_a_membership_written_by_hand_opens_no_brand(admin: AccountRow):
    other = create_brand("Another brand")
    with transaction() as session:
        session.add(MembershipRow(id="mbr_x", account_id=admin.id, brand_id=other.id, seal="ab" * 32))
    with transaction() as session:
        assert brand_ids_of(session, admin) == {"brd_1"}
    with pytest.raises(NotFound):
        work_at(admin.id, other.id)


def test_who_leaves_a_brand_works_at_another(admin: AccountRow):
    other = create_brand("Another brand")
    with pytest.raises(Conflict, match="no other brand"):
        leave(admin.id, "brd_1")
    join_brand(admin.id, other.id)
    left = leave(admin.id, "brd_1")
    assert left.brand_id == other.id and [brand.id for brand in brands_of(left)] == [other.id]
    assert people_of("brd_1") == [] and names_of([admin.id], brand_id="brd_1") == {admin.id: admin.email}
    for again in (leave, work_at):
        with pytest.raises(NotFound):
            again(admin.id, "brd_1")
    assert verify_ledger().good
    join_brand(admin.id, "brd_1")
    assert work_at(admin.id, "brd_1").brand_id == "brd_1" and verify_ledger().good


def test_people_of_several_brands_have_their_names_at_each(admin: AccountRow):
    other = create_brand("Another brand")
    join_brand(admin.id, other.id)
    work_at(admin.id, other.id)
    assert {names_of([admin.id], brand_id=brand)[admin.id] for brand in ("brd_1", other.id)} == {admin.email}
    strange = create_brand("A third brand").id
    assert names_of([admin.id], brand_id=strange)[admin.id] == admin.id[-8:]


def test_who_has_an_account_brings_it(admin: AccountRow, new_account: MakeAccount, client: TestClient):
    other = create_brand("Another brand")
    sue = new_account("sue", role="legal")
    row, token = invite(by=None, role="legal", brand_ids=[other.id])
    new = client.post(
        f"/invitation/{token}", data={"email": sue.email, "password": PASSWORD, "again": PASSWORD}
    )
    assert new.status_code == 409 and "password below" in new.text and f'value="{sue.email}"' in new.text
    way = f"/invitation/{token}/with-account"
    wrong = client.post(way, data={"email": sue.email, "password": "x"})
    assert wrong.status_code == 403 and f'value="{sue.email}"' in wrong.text
    answer = client.post(way, data={"email": sue.email, "password": PASSWORD})
    assert answer.headers["location"] == "/brands" and other.name in client.get("/brands").text
    assert {brand.id for brand in brands_of(sue)} == {"brd_1", other.id}
    with pytest.raises(InvitationOver):
        open_invitation(token)
    with transaction() as session:
        assert session.get_one(InvitationRow, row.id).account_id == sue.id
    assert verify_ledger().good


def test_an_account_of_another_role_takes_no_invitation(admin: AccountRow):
    """It would be an administrator at that brand."""
    other = create_brand("Another brand")
    _, token = invite(by=None, role="reviewer", brand_ids=[other.id])
    with pytest.raises(Conflict, match="for the role 'reviewer'"):
        accept_with_account(token, email=admin.email, password=PASSWORD)
    with pytest.raises(Forbidden):
        accept_with_account(token, email="nobody@brand.example", password=PASSWORD)
    assert len(brands_of(admin)) == 1 and open_invitation(token).used_at is None


def test_invitations_are_seen_and_taken_back_where_they_open(admin: AccountRow):
    other = create_brand("Another brand")
    join_brand(admin.id, other.id)
    row, _ = invite(by=admin, role="legal", brand_ids=[other.id])
    assert list_invitations("brd_1") == [] and [one.id for one in list_invitations(other.id)] == [row.id]
    assert list_invitations(other.id[:-1] + "_") == []
    with pytest.raises(NotFound):
        revoke_invitation(row.id, brand_id="brd_1", actor=None)
    assert state_of(revoke_invitation(row.id, brand_id=other.id, actor=None)) == "revoked"


def test_a_personas_account_names_its_persona(
    admin: AccountRow, make_render: Callable[..., RenderRow], client: TestClient
):
    _, token = invite(by=admin, role="persona", brand_ids=["brd_1"], persona_id="per_1")
    form = {"email": "per@brand.example", "password": PASSWORD, "again": PASSWORD}
    answer = client.post(f"/invitation/{token}", data=form)
    assert answer.headers["location"] == "/me" and client.get("/account").status_code == 200
    account = next(row for row in list_accounts() if row.email == "per@brand.example")
    assert persona_of(account) == "per_1" and persona_of(admin) is None
    assert client.get("/").status_code == 403


def test_an_administrator_invites_in_the_browser(
    client: TestClient, admin: AccountRow, signed: Callable[[AccountRow], str]
):
    csrf = signed(admin)
    page = client.post("/people/invitations", data=ASKED | {"csrf": csrf})
    link = page.text.partition('class="secret mono" tabindex="0" autofocus>')[2].partition("<")[0]
    assert page.status_code == 200 and "/invitation/" in link
    people = client.get("/people").text
    token = link.rpartition("/")[2]
    assert token not in people, "it is shown once"
    client.cookies.clear()
    form = {"email": "sue@brand.example", "password": PASSWORD, "again": PASSWORD}
    shown = client.get(f"/invitation/{token}").text
    assert "senior reviewer" in shown and "Brand" in shown
    assert "two passwords differ" in client.post(f"/invitation/{token}", data=form | {"again": "x"}).text
    assert client.post(f"/invitation/{token}", data=form).headers["location"] == "/"
    assert client.get("/").status_code == 200
    signed(admin)
    assert "sue@brand.example" in client.get("/people").text


def test_an_invitation_that_is_refused_keeps_what_was_chosen(
    client: TestClient,
    admin: AccountRow,
    signed: Callable[[AccountRow], str],
    make_render: Callable[..., RenderRow],
):
    other = create_brand("Another brand")
    join_brand(admin.id, other.id)
    asked = ASKED | {
        "csrf": signed(admin),
        "role": "persona",
        "brand": ["brd_1", other.id],
        "persona": "per_1",
    }
    answer = client.post("/people/invitations", data=asked)
    assert answer.status_code == 422 and "works there alone" in answer.text
    for chosen in (
        'value="persona" required checked', 'value="per_1" selected', 'value="24" selected',
        'value="brd_1" checked', f'value="{other.id}" checked',
    ):  # fmt: skip
        assert chosen in answer.text, chosen


def test_a_page_of_before_another_brand_was_chosen_does_nothing_there(
    client: TestClient, admin: AccountRow, new_account: MakeAccount, signed: Callable[[AccountRow], str]
):
    csrf = signed(admin)
    other = create_brand("Another brand")
    ann = new_account("ann")
    for who in (admin, ann):
        join_brand(who.id, other.id)
    work_at(admin.id, other.id)  # in another window
    for way in ("/people/invitations", f"/people/{ann.id}/leave"):
        for stale in ({"at_brand": "brd_1"}, {"at_brand": ""}):
            answer = client.post(way, data=ASKED | {"csrf": csrf} | stale)
            assert answer.status_code == 409 and "work at another brand now" in answer.text
    assert list_invitations(other.id) == [] and len(brands_of(ann)) == 2


def test_somebody_is_taken_out_of_a_brand_in_the_browser(
    client: TestClient, admin: AccountRow, new_account: MakeAccount, signed: Callable[[AccountRow], str]
):
    form = {"csrf": signed(admin), "at_brand": "brd_1"}
    ann = new_account("ann")
    last = client.post(f"/people/{ann.id}/leave", data=form)
    assert last.status_code == 409 and "greenroom user disable" in last.text
    join_brand(ann.id, create_brand("Another brand").id)
    assert client.post(f"/people/{ann.id}/leave", data=form).status_code == 303
    assert ann.email not in client.get("/people").text


def test_what_comes_after_the_beginning_is_a_click_away(
    client: TestClient, admin: AccountRow, signed: Callable[[AccountRow], str]
):
    signed(admin)
    begun = client.get("/brands?begun=1").text.partition("You are set up")[2].partition("</section>")[0]
    assert "docs/" not in begun
    for way in ("/people", "/account", "/personas", "/campaigns/new"):
        assert f'href="{way}"' in begun and client.get(way).status_code == 200


def test_an_invitation_is_taken_back_in_the_browser(
    client: TestClient, admin: AccountRow, signed: Callable[[AccountRow], str]
):
    csrf = signed(admin)
    row, token = invite(by=admin, role="legal", brand_ids=["brd_1"])
    client.post(f"/people/invitations/{row.id}/revoke", data={"csrf": csrf})
    with pytest.raises(InvitationOver):
        open_invitation(token)


def test_an_administrator_adds_a_brand_and_works_there(
    client: TestClient, admin: AccountRow, signed: Callable[[AccountRow], str]
):
    csrf = signed(admin)
    wrong = client.post("/brands", data={"csrf": csrf, "name": "Coffee", "territory": "Atlantis"})
    assert wrong.status_code == 422 and "is no territory" in wrong.text and 'value="Coffee"' in wrong.text
    assert client.post("/brands", data={"csrf": csrf, "name": "Coffee", "territory": "us"}).status_code == 303
    (coffee,) = [brand for brand in brands_of(admin) if brand.name == "Coffee"]
    assert client.post(f"/brands/{coffee.id}/work-at", data={"csrf": csrf}).status_code == 303
    assert "you work here now" in client.get("/brands").text
    assert "admin@brand.example" in client.get("/people").text
