"""No page that a person opens reads a whole table, on either database: each statement behind it is explained.

PostgreSQL also says how many rows it touched: no more than a few pages of them, of thousands.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event, insert, select, text
from sqlalchemy.orm import Session

from audit.keys import NAMES
from audit.rotation import begin
from audit.tables import AuthorityRow, AuthorityStatusRow, HoldRow
from core.database import Base, engine, now, reading, transaction
from core.models import Verdict
from core.tables import BrandRow
from pipeline.counts import fold
from pipeline.paging import PAGE_ROWS, Cursor, Place
from pipeline.search import FACETS, KINDS
from pipeline.states import State
from pipeline.tables import CampaignRow, PersonaRow, RenderCountChangeRow, RenderCountRow, RenderRow
from review_ui.invitations import list_invitations
from review_ui.pages.queue import VIEWS
from review_ui.tables import AccountRow
from tests.review_ui.conftest import PASSWORD
from tests.servers.both import pytest_generate_tests  # noqa: F401

ROWS, OTHERS = 3_000, 300
MOST_RENDERS, MOST_OTHERS = PAGE_ROWS + 1, PAGE_ROWS * len(State)
"""Rows that one step of a plan may touch: a page and one more of the renders; the numbers of a page of campaigns."""

NARROWED = (
    "risk=standard",
    "persona=per_1&hours=1",
    "language=en&territory=in&gate=label",
    "hours=24",
    "gate=label",
)

MakeRender = Callable[..., RenderRow]


@pytest.fixture
def keys(home: Path) -> None:
    """A shared database's keys are made explicitly, once."""
    for name in NAMES:
        begin(name)


@pytest.fixture
def middle(keys: None, make_render: MakeRender, database_kind: str) -> RenderRow:
    """One render of a few thousand, in the middle of them. None is released: the guard stands before that."""
    first = make_render()
    like = {column.key: getattr(first, column.key) for column in RenderRow.__table__.columns}
    states = [state for state in State if state is not State.RELEASED]
    rows = [
        like
        | {
            "id": f"rnd_{n:05d}",
            "state": states[n % len(states)].value,
            "verdict": list(Verdict)[n % 3].value,
            "created_at": first.created_at + timedelta(seconds=n - ROWS // 2),
            "request_key": f"order-{n}",
        }
        for n in range(ROWS)
    ]
    with transaction() as session:
        session.execute(insert(RenderRow), rows)
        _add_others(session)
    fold()
    with transaction() as session:
        change = {"brand_id": "brd_2", "state": State.DRAFT.value, "change": 1}
        changes = [{**change, "campaign_id": f"cmp_o{n}"} for n in range(OTHERS)]
        session.execute(insert(RenderCountChangeRow), changes)
    if database_kind == "postgresql":
        _as_owner_analyze()
    return first


def _add_others(session: Session) -> None:
    """Another brand's personas, campaigns and numbers, so that no table here is so small that all of it is one page."""
    session.add(BrandRow(id="brd_2", name="Another brand"))
    session.flush()
    for table, changes in (
        (AuthorityRow, lambda n: {"id": f"aut_{n}", "record_id": f"rec_{n}"}),
        (AuthorityStatusRow, lambda n: {"authority_id": f"aut_{n}"}),
        (PersonaRow, lambda n: {"id": f"per_o{n}", "authority_id": f"aut_{n}"}),
        (CampaignRow, lambda n: {"id": f"cmp_o{n}", "persona_id": f"per_o{n}"}),
    ):
        one: Any = session.scalars(select(table)).one()
        like = {column.key: getattr(one, column.key) for column in table.__table__.columns}
        like |= {"brand_id": "brd_2"} if "brand_id" in like else {}
        session.execute(insert(table), [like | changes(n) for n in range(OTHERS)])
    numbers = [
        {"brand_id": "brd_2", "campaign_id": f"cmp_o{n}", "state": state.value, "number": 1}
        for n in range(OTHERS)
        for state in State
    ]
    session.execute(insert(RenderCountRow), numbers)
    held = {"brand_id": "brd_2", "kind": "render", "reason": "x", "actor": "usr_1"}
    holds = [{**held, "id": f"hld_{n}", "subject": f"rnd_o{n}", "created_at": now()} for n in range(OTHERS)]
    session.execute(insert(HoldRow), holds)


def _as_owner_analyze() -> None:
    from tests.servers.databases import name_of, running

    running().administer("ANALYZE", database=name_of(str(engine().url)))


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """What is asked of the database inside, with its values."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            asked.append((statement, values))

    event.listen(engine(), "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine(), "before_cursor_execute", note)


def unbounded(statement: str, values: Any) -> list[str]:
    """What the plan of a statement reads without an index that leads to it."""
    with reading() as session:
        connection = session.connection()
        if connection.dialect.name == "sqlite":
            steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
            return [*_scans(steps, set(Base.metadata.tables)), *_sorts_of_renders(steps)]
        # The tables here are small. With these ways closed, whatever still reads all of one has no index to use.
        for way in ("seqscan", "mergejoin", "hashjoin"):
            connection.execute(text(f"SET LOCAL enable_{way} = off"))
        explain = "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON)"
        statement = statement.removesuffix(" FOR NO KEY UPDATE")  # a lock, which nothing here may take
        answer = connection.exec_driver_sql(f"{explain} {statement}", values).scalar_one()
        plan = answer if isinstance(answer, list) else json.loads(answer)
        return list(_unbounded_nodes(plan[0]["Plan"]))


def _scans(steps: Any, tables: set[str]) -> list[str]:
    return [step for *_, step in steps if step.startswith("SCAN") and step.split()[1] in tables]


def _sorts_of_renders(steps: Any) -> list[str]:
    """Sorts beside a search in the renders: an index holds them in another order than the page wants."""
    searched = {parent for _, parent, _, step in steps if step.startswith("SEARCH renders ")}
    return [step for _, parent, _, step in steps if "ORDER BY" in step and parent in searched]


def _unbounded_nodes(node: dict[str, Any]) -> Iterator[str]:
    kind, table = node["Node Type"], node.get("Relation Name", node.get("Index Name"))
    touched = node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
    if kind == "Seq Scan" or (kind.endswith(("Index Scan", "Index Only Scan")) and "Index Cond" not in node):
        yield f"{kind} of {table}"
    elif "Scan" in kind and touched > (MOST_RENDERS if "renders" in str(table) else MOST_OTHERS):
        yield f"{kind} of {table}: {touched} rows"
    for below in node.get("Plans", []):
        yield from _unbounded_nodes(below)


def cursors(row: RenderRow, order: str) -> list[str]:
    rank = {"gravest": 1}.get(order, 0)
    place = Place(rank, row.created_at, row.id)
    return [
        "",
        *(Cursor(order, back, place).text() for back in (False, True)),
        Cursor(order, back=True).text(),
    ]


def addresses(row: RenderRow) -> list[str]:
    queue = [
        f"/?view={name}&order={order}&cursor={cursor}{campaign}"
        for name, view in VIEWS.items()
        for order in view.orders
        for cursor in cursors(row, order)
        for campaign in ("", "&campaign=cmp_1")
    ]
    queue += [
        f"/?{narrowed}&order={order}&cursor={cursor}"
        for narrowed in NARROWED
        for order in ("oldest", "newest")
        for cursor in cursors(row, order)
    ]
    queue += [f"/?risk=standard&order=gravest&cursor={cursor}" for cursor in cursors(row, "gravest")]
    others = [
        "/review/looking",
        "/campaigns",
        "/campaigns/cmp_1",
        "/campaigns/new",
        "/authorities",
        "/reports",
        "/keys",
        f"/renders/{row.id}",
        f"/find?q={row.id}",
        *record_addresses(row),
        "/find?q=order-7",
    ]
    return [*queue, *others]


def record_addresses(row: RenderRow) -> list[str]:
    """The record's room: every kind with each choice, forth and back; days that hold few."""
    place = Place(0, row.created_at, row.id)
    cursors = ["", *(Cursor("newest", back, place).text() for back in (False, True))]
    lists = [
        f"/record?kind={kind}{choice}&cursor={cursor}"
        for kind in KINDS
        for choice in ("", *(f"&facet={each}" for each in FACETS.get(kind, ())))
        for cursor in cursors
    ]
    of_campaign = [
        f"/record?kind={kind}&campaign=cmp_1&cursor={cursor}"
        for kind in ("renders", "recalls")
        for cursor in cursors
    ]
    long_ago = [f"/record?kind={kind}&until=2001-01-01" for kind in KINDS]
    rooms = ["/record/holds", "/record/looked", "/record/people/per_1", "/record/campaigns/cmp_1"]
    rooms += ["/record/holds/new?kind=person&subject=per_1", "/record/holds/new?kind=campaign&subject=cmp_1"]
    rooms += [
        f"/record/holds/new?kind=render&subject={row.id}",
        f"/record/renders/{row.id}",
        f"/record/find?q={row.id}",
        "/record/find?q=order-7",
    ]
    rooms += [f"/record/find?q={row.essence}", "/record/register.csv?until=2001-01-01"]
    others = ["/record?kind=decisions&reviewer=usr_1", "/record?kind=people&name=presenter"]
    return [*lists, *of_campaign, *long_ago, *rooms, *others]


def test_no_page_reads_a_whole_table(
    client: TestClient,
    new_account: Callable[..., AccountRow],
    signed: Callable[[AccountRow], str],
    middle: RenderRow,
    database_kind: str,
) -> None:
    account = new_account(role="admin")
    own = {"csrf": signed(account), "at_brand": account.brand_id, "after": middle.id}
    with statements() as asked:
        for address in addresses(middle):
            assert client.get(address).status_code in (200, 303), address
        # On PostgreSQL no plan of these says much here: beside the few decisions and notes of this test, to read all of
        # them is cheaper than an index.
        for order in VIEWS["review"].orders if database_kind == "sqlite" else ():
            for narrowed in NARROWED if order != "gravest" else ("risk=standard",):
                address = f"/review/next?{narrowed}&order={order}"
                assert client.post(address, data=own).status_code == 303, address
        list_invitations("brd_1")
        for path in (
            "renders?state=in_review&state=blocked",
            "campaigns",
            "personas",
            "events",
            f"renders/{middle.id}/evidence",
        ):
            assert client.get(f"/api/v1/{path}", auth=(account.email, PASSWORD)).status_code == 200, path
    about_renders = [each for each in asked if " renders" in each[0]]
    assert len(about_renders) > 100
    first_of_each = dict(reversed(asked))
    found = {
        statement: bad for statement, values in first_of_each.items() if (bad := unbounded(statement, values))
    }
    assert not found, "\n\n".join(f"{bad}\n{statement}" for statement, bad in found.items())


def test_a_whole_table_would_be_noticed(middle: RenderRow) -> None:
    with statements() as asked, reading() as session:
        session.query(RenderRow.id).filter(RenderRow.maker_id == "usr_maker").all()
    assert unbounded(*asked[0])
