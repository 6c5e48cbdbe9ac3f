"""What the ledger covers, generated from the tables: each column is altered, and the verification says so.

A committed column that could be changed unnoticed fails here, a free one that is not free, a table without a row to
alter, and a column without a decision.
"""

from __future__ import annotations

import ast
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, Column, DateTime, Float, Integer, LargeBinary, String, TypeDecorator

import audit.events
import pipeline.states
from audit.commitments import covered_tables
from audit.events import RESERVED, Event
from audit.ledger import LedgerReport, append, sequence_pending, verify_ledger
from audit.tables import ApprovalRow
from core.covered import Covered, Uncovered
from core.database import Base, engine, reading, transaction
from core.engines import VOUCHES
from delivery.brand_page import set_words
from delivery.holds import lift_hold, place_hold
from delivery.links import list_links, make_link, revoke_link
from delivery.reports import close, list_cases, report
from delivery.tags import set_tags
from delivery.webhooks import end, make_webhook, rotate
from pipeline import suppression
from pipeline.annotations import Ask, write_note
from pipeline.capture.proposals import approve_proposal, refuse_proposal
from pipeline.intake import import_video
from pipeline.service import create_brand
from pipeline.standing import standing_of
from pipeline.steering import pause
from review_ui.veil import set_veil
from tests.conftest import import_tables
from tests.kit import media
from tests.kit.onboarding import examined, proposed
from tests.kit.workers import as_owner, door, work
from tests.kit.world import World
from tests.kit.world import world as open_world
from tests.packages import PACKAGES

import_tables()

ROOT = Path(__file__).parent.parent
COVERED = {table.__tablename__: table for table in covered_tables()}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A home in which every covered table has a row, most columns one that is not NULL, and the ledger agrees."""
    folder = tmp_path_factory.mktemp("covered")
    with open_world(folder / "home", signer="recorded") as w:
        campaign = w.campaign(risk_class="high", release_on_approval=True)
        out = w.released(campaign=campaign, request_key="order-1")
        make_link(out.id, brand_id=w.brand_id, made_by=w.operator)
        revoke_link(list_links(out.id, brand_id=w.brand_id)[0].id, brand_id=w.brand_id, actor_id=w.legal)
        open_link = make_link(out.id, brand_id=w.brand_id, made_by=w.operator)
        for _ in range(2):
            report(open_link, "not_me", words="A made-up reason.", contact="nobody@kit.example")
        case = list_cases(w.brand_id).open[0]
        close(case.id, brand_id=w.brand_id, actor_id=w.legal, outcome="right", answer="A made-up answer.")
        set_words(w.brand_id, "Made-up words.", actor_id=w.operator)
        set_veil(w.brand_id, veiled=True, actor_id=w.operator)
        w.recall(w.released(supersedes=out.id))
        hold = place_hold("render", out.id, brand_id=w.brand_id, actor_id=w.legal, reason="A made-up case.")
        lift_hold(hold.id, brand_id=w.brand_id, actor_id=w.legal, reason="It is settled.")
        w.to_review(flagged=("lip_sync",))
        noted = w.to_review()
        write_note(
            noted.id,
            "Made up.",
            brand_id=w.brand_id,
            author_id=w.reviewer,
            t0=0.5,
            t1=1.0,
            region=(0.1, 0.1, 0.5, 0.5),
        )
        w.reject(w.to_review(), asks=[Ask("lips", "A made-up reason.", 0.5, 1.0)])
        clip = media.write_clip(folder / "finished.mp4", 7)
        import_video(clip, campaign.id, brand_id=w.brand_id, maker_id=w.operator, engine="A made-up engine")
        w.supersede(w.add_persona("consent"))
        pause(w.campaign().id, brand_id=w.brand_id, actor=w.operator, reason="A made-up reason.")
        _capture(w)
        _sending(w, out.campaign_id)
        _people(w)
        _organisation(w)
        work()
        assert w.ledger().good, w.ledger().text()
        yield w


def _capture(w: World) -> None:
    """A persona that came in through the browser, and one of whose videos it said yes."""
    row = proposed(w, examined(w), notice="A made-up notice.")
    approve_proposal(row.id, brand_id=w.brand_id, actor_id=w.legal)
    refused = proposed(w, examined(w))
    refuse_proposal(refused.id, brand_id=w.brand_id, actor_id=w.legal, words="A made-up reason.")
    w.supersede(approval_mode="final_cut")
    w.persona_says(w.approved(), words="Made-up words.")
    w.supersede(approval_mode="script")
    read = w.campaign(name="Read before it is made")
    w.persona_reads(read, "each")
    w.persona_reads(w.render(campaign=read))
    w.supersede()


def _sending(w: World, campaign_id: str) -> None:
    """Who is not to be sent anything, what links carry, and who is told."""
    suppression.add(["a@kit.example", "b@kit.example"], brand_id=w.brand_id, actor_id=w.operator)
    suppression.remove(["a@kit.example"], brand_id=w.brand_id, actor_id=w.legal)
    set_tags(campaign_id, {"utm_source": "mail"}, brand_id=w.brand_id, actor_id=w.operator)
    for path in ("one", "other"):
        hook, _ = make_webhook(
            f"https://kit.example/{path}", ["render.failed"], brand_id=w.brand_id, actor_id=w.operator
        )
    rotate(hook.id, brand_id=w.brand_id, actor_id=w.operator)
    end(hook.id, brand_id=w.brand_id, actor_id=w.operator)


def _people(w: World) -> None:
    """A passkey and one-time codes, made as a person makes them."""
    from review_ui.accounts import list_accounts
    from review_ui.api_keys import make_key, revoke_key
    from review_ui.factors import passkeys, totp
    from tests.review_ui.authenticator import ORIGIN, Authenticator

    (account,) = [row for row in list_accounts() if row.id == w.reviewer]
    answer = Authenticator().create(passkeys.begin_enrolment(account, ORIGIN))
    passkeys.enrol(account, name="A made-up device", origin=ORIGIN, answer=answer)
    totp.begin_enrolment(account)
    api_key, _ = make_key(account, name="A made-up program", rights=["view"])
    revoke_key(api_key.id, brand_id=w.brand_id, account_id=account.id, actor=account.id)


def _organisation(w: World) -> None:
    """Whose installation it is, a second brand that somebody works at, and an invitation that was used there."""
    from pipeline.brands import name_organisation
    from review_ui.invitations import accept, invite, revoke_invitation
    from review_ui.memberships import join_brand, leave

    with transaction() as session:
        name_organisation(session, "An organisation")
    join_brand(w.legal, create_brand("Another brand").id)
    left = create_brand("A third brand").id
    join_brand(w.operator, left)
    leave(w.operator, left)
    _, token = invite(by=None, role="persona", brand_ids=[w.brand_id], persona_id=w.persona.id)
    accept(token, email="persona@brand.example", password="a made-up password")
    taken_back, _ = invite(by=None, role="legal", brand_ids=[w.brand_id])
    revoke_invitation(taken_back.id, brand_id=w.brand_id, actor=w.legal)


def verified() -> LedgerReport:
    sequence_pending()
    return verify_ledger()


@pytest.fixture
def owner(full: World) -> Iterator[sqlite3.Connection]:
    """Somebody who owns the database file; what they did is undone."""
    saved = full.save()
    with closing(sqlite3.connect(full.home / "greenroom.db", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        connection.create_function(VOUCHES, 2, lambda *_: 1)
        connection.execute("PRAGMA ignore_check_constraints = ON")
        yield connection
    full.restore(saved)
    assert verified().good


def keys_of(table: type[Base], row: sqlite3.Row) -> str:
    return "/".join(str(row[column.name]) for column in table.__table__.primary_key)


def rowids(owner: sqlite3.Connection, table: str, column: str) -> list[int]:
    """Rows whose column says something, first; one is enough."""
    found = owner.execute(f"SELECT rowid FROM {table} ORDER BY {column} IS NULL LIMIT 1").fetchall()
    assert found, f"no {table} in the covered home: add one to the fixture"
    return [row[0] for row in found]


def altered(column: Column[Any], value: Any) -> Any:
    """Another value that the column can hold."""
    kind = column.type.impl if isinstance(column.type, TypeDecorator) else column.type
    if isinstance(kind, JSON):
        known = json.loads(value) if value is not None else None
        if isinstance(known, dict):
            return json.dumps({**known, "made_up": 1})
        return json.dumps([*(known or []), {"made_up": 1}] if isinstance(known, list) else {"made_up": 1})
    if isinstance(kind, DateTime):
        return "2001-02-03 04:05:06.000007"
    if isinstance(kind, Boolean):
        return 1 - (value or 0)
    if isinstance(kind, Integer | Float):
        return (value or 0) + 1_000_003
    if isinstance(kind, LargeBinary):
        return (value or b"") + b"x"
    assert isinstance(kind, String), f"say in this test how a {kind} is altered"
    return f"{value or ''}x"


def alter(owner: sqlite3.Connection, table: type[Base], column: str) -> Iterator[tuple[str, str]]:
    """Change one column of one row, in each way there is; its name and what was done. Then change it back."""
    name = table.__tablename__
    for rowid in rowids(owner, name, column):
        row = owner.execute(f"SELECT * FROM {name} WHERE rowid = ?", (rowid,)).fetchone()
        where = f"{name}/{keys_of(table, row)}"
        values = [altered(table.__table__.columns[column], row[column])]
        if table.__table__.columns[column].nullable and row[column] is not None:
            values.append(None)
        for value in values:
            owner.execute(f"UPDATE {name} SET {column} = ? WHERE rowid = ?", (value, rowid))
            yield where, f"{column} = {str(value)[:40]}"
        owner.execute(f"UPDATE {name} SET {column} = ? WHERE rowid = ?", (row[column], rowid))


@pytest.mark.parametrize("name", COVERED)
def test_a_committed_column_that_changed_is_named_with_its_row(
    full: World, owner: sqlite3.Connection, name: str
):
    table = COVERED[name]
    unnoticed = []
    for column in table.__ledger__.committed:
        for where, done in alter(owner, table, column):
            if where not in {problem.where for problem in verified().problems}:
                unnoticed.append(done)
    assert unnoticed == []


@pytest.mark.parametrize("name", [name for name, table in COVERED.items() if table.__ledger__.free])
def test_a_free_column_is_free(full: World, owner: sqlite3.Connection, name: str):
    table = COVERED[name]
    noticed = []
    for column, why in table.__ledger__.free.items():
        assert why
        for _, done in alter(owner, table, column):
            if not verified().good:
                noticed.append(done)
    assert noticed == []


@pytest.mark.parametrize("name", COVERED)
def test_a_row_that_was_deleted_is_named(full: World, owner: sqlite3.Connection, name: str):
    row = owner.execute(f"SELECT rowid, * FROM {name} LIMIT 1").fetchone()
    owner.execute(f"DELETE FROM {name} WHERE rowid = ?", (row["rowid"],))
    where = f"{name}/{keys_of(COVERED[name], row)}"
    assert ("missing", where) in {(problem.kind, problem.where) for problem in verified().problems}


@pytest.mark.parametrize("name", COVERED)
def test_a_row_that_was_added_is_named(full: World, owner: sqlite3.Connection, name: str):
    """A copy of a row that is there, under other keys."""
    table = COVERED[name].__table__
    row = dict(owner.execute(f"SELECT * FROM {name} LIMIT 1").fetchone())
    unique = {column.name for column in table.primary_key}
    unique |= {c.name for key in table.constraints for c in getattr(key, "columns", ()) if _unique(key)}
    unique |= {c.name for index in table.indexes if index.unique for c in index.columns}
    unique |= {column.name for column in table.columns if column.unique}
    new = {k: altered(table.columns[k], v) if k in unique and k != "brand_id" else v for k, v in row.items()}
    owner.execute(
        f"INSERT INTO {name} ({', '.join(new)}) VALUES ({', '.join('?' * len(new))})", list(new.values())
    )
    where = f"{name}/" + "/".join(str(new[column.name]) for column in table.primary_key)
    assert ("added", where) in {(problem.kind, problem.where) for problem in verified().problems}


def _unique(constraint: Any) -> bool:
    return type(constraint).__name__ == "UniqueConstraint"


def test_every_table_and_column_has_a_decision():
    for mapper in Base.registry.mappers:
        decision = mapper.class_.__ledger__
        assert isinstance(decision, Covered | Uncovered)
        if isinstance(decision, Uncovered):
            assert len(decision.reason) > 10, mapper.class_.__tablename__


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        ('Covered(committed=("id",))', "say once what the ledger does with forgotten"),
        ('Covered(committed=("id", "forgotten"), free={"forgotten": "both"})', "say once"),
        ('Covered(committed=("id", "forgotten", "unknown"))', "say once what the ledger does with unknown"),
        (None, "__ledger__"),
    ],
)
def test_a_column_without_a_decision_cannot_be_declared(decision: str | None, words: str):
    """In a process of its own: a table that was declared cannot be taken back."""
    lines = [
        "from sqlalchemy.orm import Mapped, mapped_column",
        "from core.covered import Covered",
        "from core.database import Base",
        "class Throwaway(Base):",
        "    __tablename__ = 'made_up'",
        f"    __ledger__ = {decision}" if decision else "",
        "    id: Mapped[str] = mapped_column(primary_key=True)",
        "    forgotten: Mapped[str]",
    ]
    answer = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1 and words in answer.stderr.splitlines()[-1]


# What was done to a released build, and stayed unnoticed


def test_a_video_that_was_un_recalled_is_named_and_not_served(full: World, owner: sqlite3.Connection):
    del owner  # it undoes what follows
    render = full.released()
    token = make_link(render.id, brand_id=full.brand_id)
    full.recall(render)
    assert verified().good
    as_owner(full, "UPDATE renders SET state = 'released' WHERE id = ?", render.id)
    row = full.now_is(render)
    assert [problem.where for problem in verified().problems] == [f"renders/{render.id}"]
    assert door(token) == "link_recalled"
    with reading() as session:
        assert standing_of(session, row).release == "recalled"


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("DELETE FROM assets WHERE role = 'published'", "assets"),
        ("UPDATE fingerprints SET data = x'00'", "fingerprints"),
        ("UPDATE marks SET render_id = render_id || 'x'", "marks"),
        ("UPDATE manifests SET manifest_sha256 = 'ab'", "manifests"),
        ("UPDATE campaigns SET risk_class = 'standard' WHERE risk_class = 'high'", "campaigns"),
        ("UPDATE renders SET maker_id = 'usr_x'", "renders"),
        ("UPDATE renders SET script = 'Something else.' WHERE script IS NOT NULL", "renders"),
        ("UPDATE assets SET role = 'examined' WHERE role = 'sealed'", "assets"),
        ("UPDATE personas SET material_sha256 = 'ab'", "personas"),
        ("DELETE FROM approvals", "approvals"),
        ("UPDATE receipts SET verdict = 'pass', document = replace(document, 'review', 'pass')", "receipts"),
    ],
)
def test_what_the_doors_read_is_on_the_ledger(
    full: World, owner: sqlite3.Connection, statement: str, table: str
):
    assert owner.execute(statement).rowcount
    assert {problem.where.partition("/")[0] for problem in verified().problems} == {table}


def test_an_entry_that_is_deleted_with_its_row_is_named(full: World, owner: sqlite3.Connection):
    (link,) = owner.execute("SELECT * FROM links WHERE revoked_at IS NOT NULL").fetchall()
    owner.execute("DELETE FROM links WHERE id = ?", (link["id"],))
    owner.execute("DELETE FROM ledger_entries WHERE facts LIKE ?", (f"%{link['id']}%",))
    assert not verified().good


def test_a_forged_decision_with_its_entry_is_named(full: World, owner: sqlite3.Connection):
    """Somebody writes a decision and an entry that commits to it. He has no key."""
    del owner
    render = full.to_review()
    with transaction() as session:
        known = session.query(ApprovalRow).first()
        assert known is not None
        values = {column.name: getattr(known, column.name) for column in ApprovalRow.__table__.columns}
        forged = ApprovalRow(
            **values | {"id": "apr_forged", "render_id": render.id, "sealed_sha256": render.sealed_sha256}
        )
        append(
            session,
            Event.APPROVAL_RECORDED,
            render.id,
            {"approval_id": forged.id, "sealed_sha256": render.sealed_sha256},
            rows=[forged],
        )
    assert [(p.kind, p.where) for p in verified().problems] == [("unsigned", "approvals/apr_forged")]


def test_a_pending_entry_that_was_changed_is_named(full: World, owner: sqlite3.Connection):
    """Before the sequencer signs it."""
    full.render()
    assert owner.execute("UPDATE ledger_entries SET subject = 'rnd_x' WHERE position IS NULL").rowcount
    assert {problem.kind for problem in verify_ledger().problems} == {"changed"}


def test_as_owner_and_engine_speak_of_one_database(full: World, owner: sqlite3.Connection):
    """The statements of this file reach what the verification reads."""
    as_owner(full, "UPDATE brands SET name = 'x'")
    with engine().connect() as connection:
        assert connection.exec_driver_sql("SELECT name FROM brands").scalar() == "x"
    assert not verified().good


# The vocabulary


ONLY_NAME_THEM = ("audit/words.py", "pipeline/standing.py", "pipeline/timeline.py")
"""Files that speak of events and write none."""


def written() -> set[Event]:
    """Events that the code writes: named in a call of append, move or note, in MOVES, or given to one of them."""
    found = {way.event for way in pipeline.states.MOVES}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if path.name == "events.py" or path.relative_to(ROOT).as_posix() in ONLY_NAME_THEM:
                continue
            tree = ast.parse(path.read_text(encoding="utf-8"))
            compared = {id(part) for node in ast.walk(tree) for part in _read(node)}
            for node in ast.walk(tree):
                if (
                    isinstance(node, ast.Attribute)
                    and isinstance(node.value, ast.Name)
                    and node.value.id == "Event"
                    and id(node) not in compared
                ):
                    found.add(Event[node.attr])
    return found


def _read(node: ast.AST) -> Iterator[ast.AST]:
    """``Event.X.value`` and what stands in a comparison: asked for, and not written."""
    if isinstance(node, ast.Compare) or (isinstance(node, ast.Attribute) and node.attr == "value"):
        yield from ast.walk(node)


def test_every_event_is_written_or_reserved_with_a_reason_and_never_both():
    assert audit.events.RESERVED is RESERVED and all(len(reason) > 15 for reason in RESERVED.values())
    assert (set(Event) - written() - set(RESERVED), written() & set(RESERVED)) == (set(), set())
