"""A brand with its people, personas and campaigns, and renders that are carried to any state by the real functions.

Read the package's docstring first: recorded results stand in for every model.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from sqlalchemy.orm import Session

from audit.authorities import create_consent, create_provenance_statement, get_authority, set_status
from audit.ledger import LedgerReport, sequence_pending, verify_ledger
from audit.models import Authority, Consent, ProvenanceStatement, Scope
from core.database import Base, engine, now, reading, transaction
from core.errors import DevelopmentPart
from core.ids import new_id
from core.settings import get_settings
from delivery.recall import recall
from delivery.release import release
from pipeline.onboarding import add_persona
from pipeline.review import approve
from pipeline.runner import advance
from pipeline.service import CampaignSpec, create_brand, create_campaign, get_render, request_render
from pipeline.states import State
from pipeline.tables import CampaignRow, PersonaRow, RenderRow
from provenance.models import VerifyReport
from provenance.verify import verify
from review_ui.accounts import create_account
from tests.kit import media
from tests.kit.clock import Clock
from tests.kit.models import Measures, Recorded, recorded_models
from tests.kit.signing import recorded_signing
from tests.kit.unconfined import unconfined

Signer = Literal["real", "recorded"]

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

# Obviously made up: nobody of this name gave any consent.
CONSENT = Consent(
    subject_kind="adult",
    grantee="Example Grantee Ltd (synthetic test record)",
    notice_sha256="ab" * 32,
    notice_language="en",
    notice_version="1",
)
STATEMENT = ProvenanceStatement(made_by="the test kit", made_from="nothing", method="typed by hand")


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
            return get_authority(session, row.authority_id)

    def add_persona(self, kind: Literal["provenance", "consent"] = "provenance", **scope: Any) -> PersonaRow:
        """A further persona; ``scope`` changes single limits of its authority."""
        return _add_persona(self.home, self.brand_id, self.operator, kind, scope)

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
        """Run every stage that the render waits for."""
        render_id = _id(render)
        self.recorded.next = self._plans.get(render_id, Measures())
        advance(render_id)
        return self.now_is(render_id)

    def to_review(self, render: RenderRow | str | None = None, **asked: Any) -> RenderRow:
        """A render that a person may decide over; a new one where none is given."""
        row = self.advance(render if render is not None else self.render(**asked))
        assert row.state == State.IN_REVIEW, f"{row.state}: {row.reason}"
        return row

    def approve(self, render: RenderRow | str, reviewer: str | None = None, **more: Any) -> RenderRow:
        """One person's approval of what is in review."""
        row = self.now_is(render)
        approve(
            row.id,
            brand_id=self.brand_id,
            reviewer_id=reviewer or self.reviewer,
            sealed_sha256=row.sealed_sha256 or "",
            **more,
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

    def supersede(self, persona: PersonaRow | None = None, **scope: Any) -> Authority:
        """A new version of the persona's authority; ``scope`` changes single limits."""
        old = self.authority_of(persona or self.persona)
        changed = Scope(**(old.scope.model_dump() | scope))
        with transaction() as session:
            return _authority(
                session,
                self.brand_id,
                old.document.persona_id,
                old.document.kind,
                changed,
                actor=self.legal,
                supersedes=old.id,
            )

    def withdraw(
        self, persona: PersonaRow | None = None, *, status: str = "revoked", **more: Any
    ) -> Authority:
        """Revoke (or suspend, or expire) the persona's authority; ``effect`` as `set_status` takes it."""
        old = self.authority_of(persona or self.persona)
        with transaction() as session:
            return set_status(session, old.id, status, "a made-up reason", self.legal, **more)

    def tick(self, seconds: float) -> None:
        """Move the clock forward."""
        self.clock.tick(seconds)

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
    home: Path, *, signer: Signer = "real", make_tables: Callable[[], None] | None = None
) -> Iterator[World]:
    """A fresh home with one brand in it, as this process's own for the length of the block.

    Args:
        signer: see :mod:`tests.kit.signing`.
        make_tables: None: every table as the code declares it, without the migrations.
    """
    with at_home(home, signer=signer) as (recorded, clock):
        (make_tables or _make_tables)()
        yield _new_world(home, recorded, clock)


@contextmanager
def at_home(home: Path, *, signer: Signer = "real") -> Iterator[tuple[Recorded, Clock]]:
    """A home, with all stand-ins in place, as this process's own; nothing is made in it."""
    recorded, clock = Recorded(), Clock()
    with ExitStack() as stack:
        stack.enter_context(_settings(home))
        stack.enter_context(recorded_models(recorded))
        stack.enter_context(unconfined())
        if signer == "recorded":
            stack.enter_context(recorded_signing())
        stack.enter_context(clock.moved())
        yield recorded, clock


@contextmanager
def _settings(home: Path) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in ("GREENROOM_HOME", "GREENROOM_ENVIRONMENT")}
    home.mkdir(parents=True, exist_ok=True)
    os.environ["GREENROOM_HOME"] = str(home)
    os.environ.setdefault("GREENROOM_ENVIRONMENT", "test")
    get_settings.cache_clear()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DevelopmentPart)
            yield
    finally:
        engine().dispose()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        get_settings.cache_clear()


def _make_tables() -> None:
    from tests.conftest import import_tables

    import_tables()
    Base.metadata.create_all(engine())


def _new_world(home: Path, recorded: Recorded, clock: Clock) -> World:
    brand = create_brand("Example Brand of the kit")
    people = {}
    for name in PEOPLE:
        role = name.removeprefix("second_")
        address = f"{name}-{new_id('kit')}@kit.example"
        people[name] = create_account(brand_id=brand.id, email=address, role=role, password=PASSWORD).id
    persona = _add_persona(home, brand.id, people["operator"], "provenance", {})
    return World(home=home, brand_id=brand.id, persona=persona, recorded=recorded, clock=clock, **people)


def _add_persona(home: Path, brand_id: str, actor: str, kind: str, scope: Mapping[str, Any]) -> PersonaRow:
    reference = home / "work" / "kit-reference.mp4"
    reference.parent.mkdir(parents=True, exist_ok=True)
    media.write_clip(reference, 0)

    def make(session: Session, persona_id: str) -> Authority:
        return _authority(session, brand_id, persona_id, kind, full_scope(brand_id, **scope), actor=actor)

    try:
        return add_persona(
            brand_id=brand_id,
            name="A presenter who does not exist",
            reference=reference,
            voice="hibari",
            make_authority=make,
        )
    finally:
        reference.unlink()


def full_scope(brand_id: str, **changes: Any) -> Scope:
    """A scope that states every limit, and covers the usual campaign."""
    values: dict[str, Any] = {
        "brands": (brand_id,),
        "campaigns": ("*",),
        "topics_allowed": ("*",),
        "script_mode": "free",
        "scripts": ("*",),
        "personal_fields": ("*",),
        "languages": ("en",),
        "territories": ("in", "eu"),
        "channels": ("link",),
        "likeness": ("face", "voice"),
        "not_before": now() - timedelta(days=1),
        "not_after": now() + timedelta(days=365),
        "max_renders": 1_000_000,
        "purpose": "A test with a presenter who does not exist.",
    }
    return Scope(**(values | changes))


def _authority(
    session: Session, brand_id: str, persona_id: str, kind: str, scope: Scope, *, actor: str, **more: Any
) -> Authority:
    shared: dict[str, Any] = {
        "brand_id": brand_id,
        "persona_id": persona_id,
        "scope": scope,
        "actor": actor,
        **more,
    }
    if kind == "consent":
        return create_consent(session, consent=CONSENT, evidence={"recorded_statement": "cd" * 32}, **shared)
    return create_provenance_statement(session, statement=STATEMENT, **shared)


def _id(render: RenderRow | str) -> str:
    return render if isinstance(render, str) else render.id
