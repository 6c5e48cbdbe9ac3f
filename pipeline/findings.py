"""What was found about a render: step 3's findings on its script and step 8's, read from verified receipts."""

from __future__ import annotations

from sqlalchemy.orm import Session

from audit.models import Receipt
from audit.receipts import receipts_for
from core.database import reading
from core.models import Finding
from pipeline.tables import RenderRow


def receipts_of(render: RenderRow) -> list[Receipt]:
    """The receipts that speak for this render, signatures checked. Empty before step 8."""
    with reading() as session:
        return receipts_in(session, render)


def receipts_in(session: Session, render: RenderRow) -> list[Receipt]:
    """As :func:`receipts_of`, in the caller's transaction."""
    if render.essence is None or render.gate_set_sha256 is None:
        return []
    return receipts_for(
        session,
        render.essence,
        gate_set_sha256=render.gate_set_sha256,
        brand_id=render.brand_id,
        brief_sha256=render.brief_sha256 or "",
    )


def findings_of(render: RenderRow) -> list[Finding]:
    """Every finding that is more than a note, gravest first."""
    with reading() as session:
        return findings_in(session, render)


def findings_in(session: Session, render: RenderRow) -> list[Finding]:
    """As :func:`findings_of`, in the caller's transaction."""
    found = [Finding.model_validate(stored) for stored in render.script_findings]
    found += [
        finding for receipt in receipts_in(session, render) for finding in receipt.decision.result.findings
    ]
    return sorted(
        (finding for finding in found if finding.severity != "note"),
        key=lambda finding: 0 if finding.severity == "block" else 1,
    )
