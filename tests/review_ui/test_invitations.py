"""An invitation makes one account, as it says, once; whoever wrote the database alone makes none."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from audit.ledger import verify_ledger
from core.database import now, transaction
from core.errors import GreenroomError, InputError, NotFound
from pipeline.service import create_brand
from pipeline.tables import RenderRow
from review_ui import changes
from review_ui.accounts import authenticate, list_accounts
from review_ui.invitations import InvitationOver, accept, invite, open_invitation, revoke_invitation, state_of
from review_ui.memberships import brand_ids_of, brands_of, join_brand, persona_of, work_at
from review_ui.seals import seal
from review_ui.tables import AccountRow, InvitationRow, MembershipRow
from tests.review_ui.conftest import PASSWORD

MakeAccount = Callable[..., AccountRow]


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


def its_maker_has_another_role(_: InvitationRow, admin: AccountRow) -> None:
    changes.set_role(admin.id, "operator")


@pytest.mark.parametrize(
    "end",
    [ended, taken_back, made_more_of_by_hand, moved_by_hand, its_maker_left, its_maker_has_another_role],
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


def test_a_personas_account_names_its_persona(
    admin: AccountRow, make_render: Callable[..., RenderRow], client: TestClient
):
    _, token = invite(by=admin, role="persona", brand_ids=["brd_1"], persona_id="per_1")
    form = {"email": "per@brand.example", "password": PASSWORD, "again": PASSWORD}
    answer = client.post(f"/invitation/{token}", data=form)
    assert answer.headers["location"] == "/account" and client.get("/account").status_code == 200
    account = next(row for row in list_accounts() if row.email == "per@brand.example")
    assert persona_of(account) == "per_1" and persona_of(admin) is None
    assert client.get("/").status_code == 403


def test_an_administrator_invites_in_the_browser(
    client: TestClient, admin: AccountRow, signed: Callable[[AccountRow], str]
):
    csrf = signed(admin)
    page = client.post("/people/invitations", data={"csrf": csrf, "role": "senior_reviewer", "hours": "24"})
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
