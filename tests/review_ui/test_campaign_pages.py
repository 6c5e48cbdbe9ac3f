"""The operator writes a campaign, sends in its recipients and steers it, in the browser, with and without script."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.testclient import TestClient

from core.database import reading
from pipeline.course import Course, course_of
from pipeline.lists import list_campaigns
from pipeline.recipient_lists import lists_of
from pipeline.states import State
from review_ui import bodies
from review_ui.app import make_app
from review_ui.security import COOKIE
from review_ui.sessions import sign_in, signed_in
from review_ui.tables import AccountRow
from tests.kit.workers import work
from tests.kit.world import PASSWORD, World
from tests.review_ui.authenticator import ORIGIN

FORM = {
    "name": "First box",
    "template": "Hello {{ first_name }}, your tea leaves {{ city }} on {{ day }}.",
    "territory": "in",
    "topic": "food",
    "first_name.kind": "name",
    "city.kind": "place",
    "day.kind": "choice",
    "day.choices": "Monday; Tuesday",
}
CSV = "first_name,remark\nAsha,Thank you.\nBen,This tea is guaranteed to cure any cold.\nCara\n"


@dataclass
class Desk:
    """The operator's browser, without script."""

    client: TestClient
    csrf: str
    world: World

    def get(self, address: str) -> Any:
        return self.client.get(address)

    def post(self, address: str, data: dict[str, str] | None = None, **more: Any) -> Any:
        return self.client.post(address, data={"csrf": self.csrf, **(data or {})}, **more)

    def write(self, address: str = "/campaigns", without: tuple[str, ...] = (), **changed: str) -> Any:
        form = FORM | {"persona": self.world.persona.id, "at_brand": self.world.brand_id} | changed
        return self.post(address, {name: value for name, value in form.items() if name not in without})

    def send(self, campaign: str, content: str | bytes, name: str = "spring.csv") -> Any:
        return self.post(f"/campaigns/{campaign}/lists", files={"file": (name, content)})


@pytest.fixture
def desk(world: World) -> Iterator[Desk]:
    with reading() as session:
        email = session.get_one(AccountRow, world.operator).email
    token, _ = sign_in(email, PASSWORD)
    found = signed_in(token)
    assert found is not None
    with TestClient(make_app(), base_url=ORIGIN, follow_redirects=False) as client:
        client.cookies.set(COOKIE, token)
        yield Desk(client, found[1].csrf, world)


@pytest.fixture
def campaign(world: World) -> str:
    return world.campaign().id


def test_a_campaign_is_made_in_the_browser_and_makes_videos(desk: Desk):
    assert "A presenter who does not exist" in desk.get("/campaigns/new").text
    made = desk.write()
    assert made.status_code == 303
    (row,) = list_campaigns(brand_id=desk.world.brand_id)
    assert made.headers["location"] == f"/campaigns/{row.id}"
    assert (row.name, row.territory, row.topic, row.release_on_approval) == ("First box", "in", "food", False)
    assert row.field_schema["properties"]["day"] == {"type": "string", "enum": ["Monday", "Tuesday"]}
    fields = {"first_name": "Asha", "city": "Pune", "day": "Monday"}
    assert desk.world.to_review(fields=fields, campaign=row).state == State.IN_REVIEW


def test_a_look_says_what_would_be_said_and_which_rule_fires_with_its_source_and_a_way_out(desk: Desk):
    claim = "Hello {{ first_name }}. This tea is guaranteed to cure any cold. It costs $20."
    told = desk.write("/campaigns/look", template=claim).json()
    for words in (
        "Hello Asha.",
        "would be blocked",
        "Will be spoken as",
        "twenty dollars",
        "Change: ",
        "<mark",
    ):
        assert words in told["look"], words
    assert "consumer-products" in told["look"] and "s of video" in told["look"]
    assert told["names"] == ["first_name"] and 'name="first_name.kind"' in told["rows"]
    assert '"format": "name"' in told["schema"]
    without_script = desk.write(template=claim, look="yes")
    assert without_script.status_code == 200 and "would be blocked" in without_script.text
    assert list_campaigns(brand_id=desk.world.brand_id) == []


def test_a_look_goes_every_way_that_the_text_can_take(desk: Desk):
    cure = "{% if city is defined %}It leaves {{ city }}.{% else %}This tea is guaranteed to cure any cold.{% endif %}"
    told = desk.write("/campaigns/look", template="Hello {{ first_name }}. " + cure).json()["look"]
    assert "no rule fires" in told and "Other ways" not in told, "every recipient has a city"
    told = desk.write(
        "/campaigns/look", template="Hello {{ first_name }}. " + cure, **{"city.optional": "yes"}
    ).json()
    for words in ("would be blocked", "for some recipients", "left out", "guaranteed", "<mark"):
        assert words in told["look"], words
    both = desk.write(
        "/campaigns/look", territory="us", template="Hi. " + cure, **{"city.optional": "yes"}
    ).json()
    assert both["look"].count("does not allow this territory") == 1, "what holds for every way is told once"
    spoken = desk.write("/campaigns/look", **{"city.optional": "yes"}).json()["look"]
    assert "cannot be made" in spoken and "for some recipients" in spoken and "has no value" in spoken
    never = desk.write("/campaigns/look", template="Hi.{% if day == 'Sunday' %} Rest.{% endif %}").json()[
        "look"
    ]
    assert "not looked at" in never


def test_a_language_that_the_voice_does_not_speak_is_told(desk: Desk):
    assert "nothing is spoken" in desk.write("/campaigns/look", language="de").json()["look"]
    assert "nothing is spoken" not in desk.write("/campaigns/look", language="en-GB").json()["look"]


def test_a_look_asks_the_authority_too(desk: Desk):
    outside = desk.write("/campaigns/look", territory="us").json()["look"]
    assert "does not allow this territory" in outside
    desk.world.withdraw()
    assert "withdrawn" in desk.write("/campaigns/look").json()["look"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"template": "Hello {{ first_name"}, "does not parse"),
        ({"template": "{% for x in y %}{% endfor %}"}, "cannot use"),
        ({"topic": "foood"}, "did you mean `food`"),
        ({"territory": "nowhere"}, "no territory"),
        ({"day.choices": ""}, "choices is empty"),
        ({"described": "json", "schema": "{"}, "no JSON"),
        ({"described": "json", "schema": "{}"}, "does not describe"),
        ({"name": ""}, "name"),
        ({"persona": ""}, "Nobody was chosen"),
        ({"persona": "per_of_another_brand"}, "No such persona"),
        ({"at_brand": "brd_other"}, "at another brand now"),
    ],
)
def test_what_cannot_be_a_campaign_is_said_and_what_was_typed_stays(
    desk: Desk, changed: dict[str, str], words: str
):
    answer = desk.write(**{"name": "First box", **changed})
    assert answer.status_code in (404, 409, 422), answer.status_code
    assert words in answer.text.replace("&#39;", "'"), answer.text
    assert "Monday; Tuesday" in answer.text or "day.choices" in changed or "template" in changed
    assert list_campaigns(brand_id=desk.world.brand_id) == []


def test_a_column_that_is_not_spoken_may_say_who_the_recipient_is(desk: Desk):
    assert desk.write(recipient="email").status_code == 303
    (row,) = list_campaigns(brand_id=desk.world.brand_id)
    schema = row.field_schema
    assert schema["recipient"] == "email" and "email" in schema["required"] and schema["properties"]["email"]
    sent = desk.send(row.id, "first_name,city,day,email\nAsha,Pune,Monday,asha@brand.example\n")
    work()
    assert "1 video would be made" in desk.get(sent.headers["location"]).text
    assert "lower case letters" in desk.write(recipient="E-mail").text
    assert "required" in desk.write(recipient="city", **{"city.optional": "yes"}).text


def test_fields_may_be_described_as_json(desk: Desk):
    schema = '{"type": "object", "properties": {"code": {"type": "string", "pattern": "^[A-Z]{3}$", "default": "ABC"}}}'
    made = desk.write(template="Your code is {{ code }}.", described="json", schema=schema)
    assert made.status_code == 303
    (row,) = list_campaigns(brand_id=desk.world.brand_id)
    assert row.field_schema["properties"]["code"]["pattern"] == "^[A-Z]{3}$"


def test_its_beginning_can_be_heard(desk: Desk):
    sound = desk.write("/campaigns/hear")
    assert sound.headers["content-type"] == "audio/wav" and sound.content[:4] == b"RIFF"
    assert desk.write("/campaigns/hear", template="").status_code == 422
    assert desk.write("/campaigns/hear", persona="per_of_another_brand").status_code == 404


def test_a_still_shows_who_appears_under_the_label_of_the_place(desk: Desk):
    person, place = desk.world.persona.id, "/campaigns/still.jpg"
    address = desk.write("/campaigns/look").json()["still"]
    assert address == f"{place}?persona={person}&territory=in&label_profile="
    assert address.replace("&", "&amp;") in desk.write(look="yes").text, "without script too"
    here, there = (desk.get(f"{place}?persona={person}&territory={where}") for where in ("in", "eu"))
    assert here.headers["content-type"] == "image/jpeg" and here.content[:3] == b"\xff\xd8\xff"
    assert here.content != there.content, "each wears its own territory's label"
    assert desk.get(f"{place}?persona=per_of_another_brand").status_code == 404
    for wrong in ("territory=nowhere", "label_profile=../x"):
        assert desk.get(f"{place}?persona={person}&{wrong}").status_code == 422
    desk.world.withdraw()
    assert desk.get(f"{place}?persona={person}&territory=in").status_code == 409


def test_what_is_typed_never_becomes_markup(desk: Desk):
    nasty = '"><script>alert(1)</script>'
    changed = dict.fromkeys(("name", "territory", "language", "first_name.example", "day.choices"), nasty)
    told = desk.write("/campaigns/look", **changed).json()
    for markup in (desk.write(look="yes", **changed).text, told["look"], told["rows"]):
        assert "<script>alert" not in markup


def test_a_form_of_another_sign_in_makes_nothing(desk: Desk):
    for address in ("/campaigns", "/campaigns/look", "/campaigns/hear"):
        assert desk.write(address, csrf="x").status_code == 403
    assert list_campaigns(brand_id=desk.world.brand_id) == []


# Lists of recipients


def test_a_list_is_tried_shown_and_started(desk: Desk, campaign: str):
    sent = desk.send(campaign, CSV.replace(",", ";"), "spring & summer.csv")
    assert sent.status_code == 303
    place = sent.headers["location"]
    assert "Trying each row" in desk.get(place).text
    work()
    shown = desk.get(place).text
    for words in (
        "3 rows tried: 1 video would be made",
        "blocked by a rule or the authority",
        "Hello Asha, your tea is ready. Thank you.",
        "the row does not have a cell for each",
        "Start: make 1 video",
        "spring &amp; summer.csv",
    ):
        assert words.lower() in shown.lower(), words
    file = desk.get(f"{place}/verdicts.csv")
    assert file.headers["content-type"].startswith("text/csv") and b"guaranteed" in file.content
    assert "attachment" in file.headers["content-disposition"]
    assert desk.post(f"{place}/start").status_code == 303
    assert desk.post(f"{place}/start").status_code == 409
    work("recipients.list")
    assert "entered" in desk.get(place).text
    assert "spring &amp; summer.csv" in desk.get(f"/campaigns/{campaign}").text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("first_name,first_name\n", "names `first_name` twice"),
        ("vorname\nAsha\n", "no field of the campaign"),
        ("first_name,remark\n", "no rows"),
        (b"\xff\xfe\x00", "neither UTF-8 nor UTF-16"),
    ],
)
def test_a_file_that_is_no_list_is_refused_on_the_campaigns_page(
    desk: Desk, campaign: str, content: Any, words: str
):
    answer = desk.send(campaign, content)
    assert answer.status_code == 422 and words in answer.text and "Try the list" in answer.text
    assert lists_of(campaign) == []


def test_a_list_is_discarded(desk: Desk, campaign: str):
    place = desk.send(campaign, CSV).headers["location"]
    work()
    assert desk.post(f"{place}/discard").status_code == 303
    assert "discarded" in desk.get(place).text
    assert desk.post(f"{place}/discard").status_code == 409
    assert desk.get(f"{place}/verdicts.csv").status_code == 404


def test_a_list_has_one_address(desk: Desk, campaign: str):
    list_id = desk.send(campaign, CSV).headers["location"].rpartition("/")[2]
    other = desk.world.campaign().id
    for after in ("", "/verdicts.csv"):
        assert desk.get(f"/campaigns/{other}/lists/{list_id}{after}").status_code == 404
    for after in ("start", "discard"):
        assert desk.post(f"/campaigns/{other}/lists/{list_id}/{after}").status_code == 404


def test_a_list_may_be_large_and_no_larger(desk: Desk, campaign: str, monkeypatch: pytest.MonkeyPatch):
    rows = "first_name,remark\n" + "Asha,Thank you.\n" * 20_000
    assert len(rows) > bodies.FORM_BYTES and desk.send(campaign, rows).status_code == 303
    monkeypatch.setattr(bodies, "LIST_BYTES", 1000)
    assert desk.send(campaign, rows).status_code == 413
    monkeypatch.setattr(bodies, "LISTS_AT_ONCE", 0)
    assert desk.send(campaign, CSV).status_code == 503


# The course


def test_a_campaign_is_paused_resumed_and_cancelled(desk: Desk, campaign: str):
    def at() -> Course:
        with reading() as session:
            return course_of(session, campaign)

    page = f"/campaigns/{campaign}"
    assert desk.post(f"{page}/pause").status_code == 303 and at() is Course.PAUSED
    assert "Requests are taken and wait" in desk.get(page).text
    assert desk.post(f"{page}/pause").status_code == 409
    assert desk.post(f"{page}/resume").status_code == 303 and at() is Course.RUNNING
    unsure = desk.post(f"{page}/cancel", {"reason": "Over."})
    assert unsure.status_code == 422 and at() is Course.RUNNING
    assert desk.post(f"{page}/cancel", {"sure": "yes"}).status_code == 422
    assert desk.post(f"{page}/cancel", {"sure": "yes", "reason": "Over."}).status_code == 303
    assert at() is Course.CANCELLED
    shown = desk.get(page).text
    assert (
        "Nothing more is made of it" in shown
        and "Try the list" not in shown
        and "Make the video" not in shown
    )
    assert desk.post(f"{page}/resume").status_code == 409


def test_who_only_looks_sees_where_it_is_and_steers_nothing(desk: Desk, campaign: str):
    with reading() as session:
        email = session.get_one(AccountRow, desk.world.reviewer).email
    desk.client.cookies.clear()
    desk.client.cookies.set(COOKIE, sign_in(email, PASSWORD)[0])
    shown = desk.get(f"/campaigns/{campaign}").text
    assert "running" in shown and "Pause" not in shown and "Try the list" not in shown
    assert "Write a campaign" not in desk.get("/campaigns").text
    assert desk.get("/campaigns/new").status_code == 403
