"""A brand with its people, personas and campaigns, and renders that are carried to any state by the real functions.

Read the package's docstring first: recorded results stand in for every model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from audit.authorities import set_status
from audit.ledger import Event, LedgerReport, append, sequence_pending, verify_ledger
from audit.models import Authority, PersonaVerdict, Scope, ScriptVerdict
from audit.standing import authority_standing
from core.database import reading, transaction
from core.ids import new_id
from delivery.recall import recall
from delivery.release import release
from pipeline import final_cut, script_approval
from pipeline.leases import LONGEST_WAIT
from pipeline.review import approve, reject
from pipeline.runner import advance
from pipeline.service import CampaignSpec, create_brand, create_campaign, get_render, request_render
from pipeline.states import WAITING, State
from pipeline.tables import CampaignRow, PersonaRow, RenderRow
from provenance.models import VerifyReport
from provenance.verify import verify
from review_ui.accounts import create_account
from review_ui.invitations import accept, invite
from tests.kit import past
from tests.kit.authorities import make_authority, make_persona
from tests.kit.clock import Clock
from tests.kit.home import Signer, all_tables, at_home
from tests.kit.models import Measures, Recorded
from tests.kit.saving import Saved, restore, save

TEMPLATE = "Hello {{ first_name }}, your tea is ready. {{ remark }}"
FIELDS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "first_name": {"type": "string", "format": "name"},
        "remark": {"type": "string", "maxLength": 160},
    },
    "required": ["first_name", "remark"],
}
ASHA = {"first_name": "Asha", "remark": "Thank you for choosing us."}
BREAKS_A_RULE = {"first_name": "Ben", "remark": "This tea is guaranteed to cure any cold."}
PASSWORD = "a made-up password of the kit"
PEOPLE = ("operator", "reviewer", "second_reviewer", "legal")


@dataclass
class World:
    """One brand. ``operator``, ``reviewer``, ``second_reviewer`` and ``legal`` are ids of accounts."""

    home: Path
    brand_id: str
    operator: str
    reviewer: str
    second_reviewer: str
    legal: str
    persona: PersonaRow
    recorded: Recorded
    clock: Clock
    _campaigns: dict[str, CampaignRow] = field(default_factory=dict)

    # What renders stand on

    @property
    def authority(self) -> Authority:
        """The authority of the first persona, as it stands now."""
        return self.authority_of(self.persona)

    def authority_of(self, persona: PersonaRow) -> Authority:
        with reading() as session:
            row = session.get_one(PersonaRow, persona.id)
            return authority_standing(session, row.authority_id).authority

    def add_persona(self, kind: Literal["provenance", "consent"] = "provenance", **scope: Any) -> PersonaRow:
        """A further persona; ``scope`` changes single limits of its authority."""
        return make_persona(self.home, self.brand_id, self.operator, kind, scope)

    def campaign(self, persona: PersonaRow | None = None, **spec: Any) -> CampaignRow:
        """A campaign; fields of :class:`pipeline.service.CampaignSpec` change the usual one."""
        usual: dict[str, Any] = {
            "name": "Kit",
            "template": TEMPLATE,
            "fields": FIELDS,
            "territory": "in",
            "channel": "link",
            "topic": "food",
            "release_on_approval": False,
        }
        return create_campaign(
            brand_id=self.brand_id,
            persona_id=(persona or self.persona).id,
            spec=CampaignSpec(**(usual | spec)),
        )

    # A render's life, step by step

    def render(
        self,
        fields: Mapping[str, Any] = ASHA,
        campaign: CampaignRow | str | None = None,
        *,
        flagged: tuple[str, ...] = (),
        blocked: tuple[str, ...] = (),
        maker: str | None = None,
        **more: Any,
    ) -> RenderRow:
        """Ask for a video. ``flagged`` and ``blocked`` name the gates that will say so."""
        row = request_render(
            self._campaign_id(campaign),
            dict(fields),
            brand_id=self.brand_id,
            maker_id=maker or self.operator,
            **more,
        )
        self._plans[row.id] = Measures(flagged, blocked)
        return row

    def advance(self, render: RenderRow | str) -> RenderRow:
        """Run every stage that the render waits for; pauses between tries pass at once."""
        render_id = _id(render)
        self.recorded.next = self._plans.get(render_id, Measures())
        advance(render_id)
        while (row := self.now_is(render_id)).state in WAITING and row.retry_at is not None:
            self.tick(LONGEST_WAIT)
            if not advance(render_id):
                break
        return row

    def to_review(self, render: RenderRow | str | None = None, **asked: Any) -> RenderRow:
        """A render that a person may decide over; a new one where none is given."""
        row = self.advance(render if render is not None else self.render(**asked))
        assert row.state == State.IN_REVIEW, f"{row.state}: {row.reason}"
        return row

    def approve(self, render: RenderRow | str, reviewer: str | None = None, **more: Any) -> RenderRow:
        """One person's approval of what is in review: played from end to end, with a passkey, unless said otherwise."""
        row = self.now_is(render)
        usual = {"played": ((0.0, row.seconds or 0.0),), "factor": "passkey"}
        approve(
            row.id,
            brand_id=self.brand_id,
            reviewer_id=reviewer or self.reviewer,
            sealed_sha256=row.sealed_sha256 or "",
            **usual | more,
        )
        return self.now_is(row)

    def reject(self, render: RenderRow | str, reviewer: str | None = None, **more: Any) -> RenderRow:
        """One person's rejection, which is enough."""
        row = self.now_is(render)
        reject(
            row.id,
            brand_id=self.brand_id,
            reviewer_id=reviewer or self.reviewer,
            sealed_sha256=row.sealed_sha256 or "",
            **{"reason": "a made-up reason"} | more,
        )
        return self.now_is(row)

    def approved(self, render: RenderRow | str | None = None, **asked: Any) -> RenderRow:
        """A render with every approval that it needs."""
        row = self.now_is(render) if render is not None else self.to_review(**asked)
        for person in (self.reviewer, self.second_reviewer):
            if row.state == State.IN_REVIEW:
                row = self.approve(row, person)
        assert row.state == State.APPROVED, row.state
        return row

    def release(self, render: RenderRow | str) -> RenderRow:
        return release(_id(render), brand_id=self.brand_id, actor_id=self.operator)

    def released(self, render: RenderRow | str | None = None, **asked: Any) -> RenderRow:
        """A render that is out."""
        return self.release(render if render is not None else self.approved(**asked))

    def recall(self, render: RenderRow | str, reason: str = "a made-up reason") -> RenderRow:
        recall(_id(render), brand_id=self.brand_id, actor_id=self.operator, reason=reason)
        return self.now_is(render)

    # What happens to an authority

    def supersede(
        self, persona: PersonaRow | None = None, *, approval_mode: str = "none", **scope: Any
    ) -> Authority:
        """A new version of the persona's authority; ``scope`` changes single limits."""
        old = self.authority_of(persona or self.persona)
        changed = Scope(**(old.scope.model_dump() | scope))
        with transaction() as session:
            return make_authority(
                session,
                self.brand_id,
                old.document.persona_id,
                old.document.kind,
                changed,
                actor=self.legal,
                supersedes=old.id,
                approval_mode=approval_mode,
            )

    def persona_account(self, persona: PersonaRow | None = None) -> str:
        """The id of a new account that is the persona's own."""
        wanted = (persona or self.persona).id
        _, token = invite(by=None, role="persona", brand_ids=[self.brand_id], persona_id=wanted)
        return accept(token, email=f"persona-{new_id('kit')}@kit.example", password=PASSWORD).id

    def persona_says(
        self, render: RenderRow | str, verdict: PersonaVerdict = "approve", account: str = "", **more: Any
    ) -> RenderRow:
        """The person who appears decides over what the reviewers approved."""
        row = self.now_is(render)
        usual = {"sealed_sha256": row.sealed_sha256 or "", "persona_id": self.persona.id}
        final_cut.decide(
            row.id,
            brand_id=self.brand_id,
            account_id=account or "usr_persona",
            verdict=verdict,
            **usual | more,
        )
        return self.now_is(row)

    def persona_reads(
        self,
        what: RenderRow | CampaignRow,
        verdict: ScriptVerdict = "approve",
        *,
        account: str = "",
        **more: Any,
    ) -> None:
        """The person who appears decides over a campaign's script, or the text of one video, before it is made."""
        usual = {
            "brand_id": self.brand_id,
            "persona_id": self.persona.id,
            "account_id": account or "usr_persona",
        }
        if isinstance(what, CampaignRow):
            usual["sha256"] = script_approval.script_of(what).sha256
            script_approval.decide_script(what.id, verdict=verdict, **usual | more)
        else:
            usual["sha256"] = script_approval.text_of(what).sha256
            script_approval.decide_text(what.id, verdict=verdict, **usual | more)

    def withdraw(
        self, persona: PersonaRow | None = None, *, status: str = "revoked", **more: Any
    ) -> Authority:
        """Revoke (or suspend, or expire) the persona's authority; ``effect`` as `set_status` takes it."""
        old = self.authority_of(persona or self.persona)
        with transaction() as session:
            return set_status(session, old.id, status, "a made-up reason", self.legal, **more)

    # Time and the machine

    def tick(self, seconds: float) -> None:
        """Move the clock forward."""
        self.clock.tick(seconds)

    def save(self) -> Saved:
        """The home as it is now, for :meth:`restore`."""
        return save(self.home)

    def restore(self, saved: Saved) -> None:
        restore(self.home, saved)

    def as_database_owner(self, statement: str, *values: Any) -> int:
        """One SQL statement past the product and its triggers, as whoever owns the file; how many rows it touched."""
        return past.as_owner(statement, *values)

    def record_as_it_is(self, render: RenderRow | str) -> RenderRow:
        """An entry that commits to the render and campaign as they are now: the database's owner can write that too.

        What is then still refused is refused for more than the ledger's sake.
        """
        with transaction() as session:
            row = session.get_one(RenderRow, _id(render))
            campaign = session.get_one(CampaignRow, row.campaign_id)
            append(session, Event.ROWS_ADOPTED, row.id, rows=[row])
            append(session, Event.ROWS_ADOPTED, campaign.id, rows=[campaign])
        return self.now_is(render)

    # Looking

    def now_is(self, render: RenderRow | str) -> RenderRow:
        """The render as it is stored now."""
        return get_render(_id(render), brand_id=self.brand_id)

    def published(self) -> set[Path]:
        """Every file behind the role `published`, whoever made it."""
        return {path for path in (self.home / "blobs" / "published").rglob("*") if path.is_file()}

    def verify(self, path: Path) -> VerifyReport:
        """What the public verifier answers, with recorded senses."""
        from pipeline.registry import DatabaseRegistry

        return verify(path, registry=DatabaseRegistry())

    def ledger(self) -> LedgerReport:
        """Sequence what waits and recompute everything."""
        sequence_pending()
        return verify_ledger()

    @property
    def _plans(self) -> dict[str, Measures]:
        return self.recorded.plans

    def _campaign_id(self, campaign: CampaignRow | str | None) -> str:
        if campaign is None:
            if "usual" not in self._campaigns:
                self._campaigns["usual"] = self.campaign()
            campaign = self._campaigns["usual"]
        return campaign if isinstance(campaign, str) else campaign.id


@contextmanager
def world(
    home: Path,
    *,
    signer: Signer = "real",
    confined: bool = False,
    make_tables: Callable[[], None] | None = None,
) -> Iterator[World]:
    """A fresh home with one brand in it, as this process's own for the length of the block.

    Args:
        signer: see :mod:`tests.kit.signing`.
        confined: read files in confined children, as the product does, which takes a second and a half a render.
        make_tables: None: every table as the code declares it, without the migrations.
    """
    with at_home(home, signer=signer, confined=confined) as (recorded, clock):
        (make_tables or all_tables)()
        yield _new_world(home, recorded, clock)


def _new_world(home: Path, recorded: Recorded, clock: Clock) -> World:
    brand = create_brand("Example Brand of the kit")
    people = {}
    for name in PEOPLE:
        role = name.removeprefix("second_")
        address = f"{name}-{new_id('kit')}@kit.example"
        people[name] = create_account(brand_id=brand.id, email=address, role=role, password=PASSWORD).id
    persona = make_persona(home, brand.id, people["operator"], "provenance", {})
    return World(home=home, brand_id=brand.id, persona=persona, recorded=recorded, clock=clock, **people)


def _id(render: RenderRow | str) -> str:
    return render if isinstance(render, str) else render.id
