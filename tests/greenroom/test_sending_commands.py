"""Suppressions, tags and webhooks on the command line: what the console does, in the form of the other verbs."""

# ruff: noqa: F811 - the fixture of another file is asked for by its name

from __future__ import annotations

from pathlib import Path

import pytest

from audit.ledger import sequence_pending
from delivery.webhook_messages import take_in
from delivery.webhooks import EVENTS
from greenroom.cli import main
from tests.greenroom.test_taking_back import Run, run  # noqa: F401
from tests.kit.world import World

ASHA, BEN = "asha@kit.example", "ben@kit.example"


def test_keys_go_on_the_list_and_off_it(world: World, run: Run, tmp_path: Path):
    assert run("operator", "suppression", "add", ASHA, BEN) == (0, {"added": 2, "known": 0})
    assert run("operator", "suppression", "add", ASHA) == (0, {"added": 0, "known": 1})
    assert run("operator", "suppression", "look", ASHA, "cara@kit.example") == (
        0,
        {"suppressed": [True, False]},
    )
    assert run("operator", "suppression", "remove", ASHA) == (0, {"removed": 1})
    assert run("operator", "suppression", "look", ASHA) == (1, {"suppressed": [False]}), "the answer is no"
    assert run("operator", "suppression", "count") == (0, {"number": 1})
    file = tmp_path / "unsubscribed.csv"
    file.write_text("key\ndan@kit.example\nx\n")
    assert run("operator", "suppression", "import", str(file)) == (
        1,
        {"added": 1, "known": 0, "refused": [3]},
    )
    code, told = run("operator", "suppression", "import", str(tmp_path / "absent.csv"))
    assert code == 3 and told["error"]["where"] == "absent.csv"
    code, told = run("reviewer", "suppression", "add", ASHA)
    assert code == 3 and told["error"]["code"] == "forbidden"


def test_the_tags_of_a_campaign(world: World, run: Run):
    campaign = world.campaign().id
    assert run("operator", "tag", "show", campaign)[1]["tags"] == {}
    done = run("operator", "tag", "set", campaign, "--source", "newsletter", "--medium", "email")
    assert done == (0, {"campaign": campaign, "tags": {"utm_source": "newsletter", "utm_medium": "email"}})
    assert run("operator", "tag", "set", campaign, "--term", "tea")[1]["tags"] == {"utm_term": "tea"}
    assert run("operator", "tag", "show", campaign)[1]["tags"] == {"utm_term": "tea"}
    assert run("operator", "tag", "set", "cmp_absent", "--term", "tea")[0] == 3


def test_a_webhook_from_its_making_to_its_end(world: World, run: Run):
    code, made = run("operator", "webhook", "make", "https://hook.example/x", "--event", "render.released")
    assert code == 0 and made["secret"].startswith("whsec_") and made["events"] == ["render.released"]
    at = made["webhook"]
    assert run("operator", "webhook", "rotate", at)[1]["secret"] != made["secret"]
    (listed,) = run("operator", "webhook", "list")[1]
    assert listed["webhook"] == at and "secret" not in listed
    render = world.released()
    sequence_pending()
    take_in()
    assert run("operator", "webhook", "test", at)[1]["state"] == "waiting"
    told = run("operator", "webhook", "messages")[1]
    assert {one["event"] for one in told["messages"]} == {"render.released", "webhook.test"}
    (message,) = [one for one in told["messages"] if one["render"] == render.id]
    code, refused = run("operator", "webhook", "redeliver", message["message"])
    assert code == 3 and refused["error"]["code"] == "conflict", "it is on its way already"
    world.as_database_owner("UPDATE webhook_messages SET state = 'failed'")
    assert run("operator", "webhook", "redeliver", message["message"])[1]["state"] == "waiting"
    assert run("operator", "webhook", "end", at) == (0, {"webhook": at, "ended": True})
    assert run("operator", "webhook", "list")[1][0]["ended_at"]
    code, wrong = run("operator", "webhook", "make", "https://hook.example/x", "--event", "render.relased")
    assert code == 3 and "render.released" in wrong["error"]["next"] + wrong["error"]["what"]
    assert run("reviewer", "webhook", "list")[0] == 3 and "render.released" in EVENTS


@pytest.mark.parametrize("verb", ["suppression count", "webhook list", "webhook messages"])
def test_people_read_a_sentence_where_there_is_nothing(
    world: World, run: Run, verb: str, capsys: pytest.CaptureFixture[str]
):
    assert run("operator", *verb.split())[0] == 0
    assert main([*verb.split(), "--as", world_email(world)]) == 0
    assert capsys.readouterr().out.strip() in ("0 on the list", "no webhooks", "no messages")


def world_email(world: World) -> str:
    from core.database import reading
    from review_ui.tables import AccountRow

    with reading() as session:
        return session.get_one(AccountRow, world.operator).email
