"""Authorities: versioned, never edited, counted exactly. Every consent here is synthetic."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError
from sqlalchemy import text

from audit import allowance, authorities
from audit.errors import AuthorityNotGranted, ForgedAuthority, Immutable, RenderLimitReached
from audit.models import Authority, AuthorityStatus, Consent, Effect, Scope
from audit.tables import AuthorityRenderRow, AuthorityRow
from core.database import engine, reading, transaction
from core.errors import Conflict, InputError, NotFound
from core.ids import new_id
from tests.audit.conftest import CONSENT, STATEMENT, full_scope

Make = Callable[..., Authority]


def read(authority_id: str) -> Authority:
    with reading() as session:
        return authorities.get_authority(session, authority_id)


def test_a_new_authority_is_granted_and_says_what_was_agreed(make_authority: Make, brand: str) -> None:
    authority = read(make_authority("consent").id)
    assert authority.status is AuthorityStatus.GRANTED
    assert authority.document.version == 1
    assert authority.scope == full_scope(brand)
    assert authority.document.evidence == {"recorded_statement": "cd" * 32}
    assert authority.history[0].reason == "created"


def test_a_consent_without_evidence_is_refused(brand: str) -> None:
    with transaction() as session, pytest.raises(InputError, match="evidence"):
        authorities.create_consent(
            session,
            brand_id=brand,
            persona_id=new_id("per"),
            consent=CONSENT,
            scope=full_scope(brand),
            evidence={},
            actor="usr_test",
        )


def test_a_consent_without_an_end_is_refused(make_authority: Make) -> None:
    with pytest.raises(InputError, match="when it ends"):
        make_authority("consent", not_after=None)


def test_a_minor_needs_a_guardian() -> None:
    values = CONSENT.model_dump() | {"subject_kind": "minor"}
    with pytest.raises(ValidationError, match="guardian"):
        Consent(**values)
    assert Consent(**(values | {"guardian": True})).guardian


def test_an_unknown_limit_is_not_silently_dropped() -> None:
    with pytest.raises(ValidationError):
        Scope(brands=("*",), shoe_size=42)  # type: ignore[call-arg]
    with pytest.raises(ValidationError, match="later"):
        Scope(not_before=datetime(2030, 1, 1, tzinfo=UTC), not_after=datetime(2029, 1, 1, tzinfo=UTC))
    with pytest.raises(ValidationError):
        Scope(not_before=datetime(2030, 1, 1))  # noqa: DTZ001 - a time without a zone is the test


def test_a_new_version_supersedes_and_the_old_one_stays_as_it_was(make_authority: Make) -> None:
    first = make_authority("consent")
    second = make_authority(
        "consent", persona_id=first.document.persona_id, supersedes=first.id, max_renders=9
    )
    old, new = read(first.id), read(second.id)
    assert old.document == first.document
    assert old.superseded_by == new.id
    assert (new.document.version, new.document.record_id) == (2, first.id)
    with pytest.raises(Conflict, match="superseded already"):
        make_authority("consent", persona_id=first.document.persona_id, supersedes=first.id)


def test_a_new_version_may_not_change_the_persona_or_the_kind(make_authority: Make) -> None:
    first = make_authority("consent")
    with pytest.raises(InputError, match="keeps brand, persona and kind"):
        make_authority("consent", supersedes=first.id)
    with pytest.raises(InputError, match="keeps brand, persona and kind"):
        make_authority("provenance", persona_id=first.document.persona_id, supersedes=first.id)


def test_status_changes_keep_their_reason_effect_and_order(make_authority: Make) -> None:
    authority = make_authority("consent")
    with transaction() as session:
        authorities.set_status(session, authority.id, "suspended", "asked us to pause", "usr_legal")
        authorities.set_status(
            session, authority.id, "granted", "asked us to go on", "usr_legal", effect="none"
        )
        authorities.set_status(
            session, authority.id, "revoked", "withdrew", "usr_legal", effect=Effect.RECALL
        )
    now = read(authority.id)
    assert [change.status.value for change in now.history] == ["granted", "suspended", "granted", "revoked"]
    assert now.status is AuthorityStatus.REVOKED
    assert now.history[-1].effect is Effect.RECALL
    assert now.history[-1].reason == "withdrew"


@pytest.mark.parametrize("final", ["revoked", "expired"])
def test_what_was_withdrawn_is_never_granted_again(make_authority: Make, final: str) -> None:
    authority = make_authority("consent")
    with transaction() as session:
        authorities.set_status(session, authority.id, final, "over", "usr_legal")
    with transaction() as session, pytest.raises(Conflict, match=f"stays {final}"):
        authorities.set_status(session, authority.id, "granted", "please", "usr_operator")
    assert read(authority.id).status.value == final


def test_a_status_change_needs_a_reason(make_authority: Make) -> None:
    authority = make_authority()
    with transaction() as session, pytest.raises(InputError, match="reason"):
        authorities.set_status(session, authority.id, "revoked", "  ", "usr_legal")


def test_an_unknown_authority_is_not_found(brand: str) -> None:
    with pytest.raises(NotFound):
        read("aut_nowhere")


def test_a_render_is_counted_once_and_the_limit_holds(make_authority: Make) -> None:
    authority = make_authority(max_renders=2)
    render = new_id("rnd")
    with transaction() as session:
        assert allowance.count_render(session, authority.id, render) == 1
        assert allowance.count_render(session, authority.id, render) == 1
        assert allowance.count_render(session, authority.id, new_id("rnd")) == 2
    with transaction() as session, pytest.raises(RenderLimitReached):
        allowance.count_render(session, authority.id, new_id("rnd"))
    assert read(authority.id).renders_counted == 2


def test_a_render_that_rolls_back_is_not_counted(make_authority: Make) -> None:
    authority = make_authority(max_renders=1)
    with pytest.raises(RuntimeError), transaction() as session:
        allowance.count_render(session, authority.id, new_id("rnd"))
        raise RuntimeError("the stage failed")
    assert read(authority.id).renders_counted == 0


def test_a_new_version_does_not_start_a_new_allowance(make_authority: Make) -> None:
    first = make_authority(max_renders=1)
    with transaction() as session:
        allowance.count_render(session, first.id, new_id("rnd"))
    second = make_authority(persona_id=first.document.persona_id, supersedes=first.id, max_renders=1)
    with transaction() as session, pytest.raises(RenderLimitReached):
        allowance.count_render(session, second.id, new_id("rnd"))


def test_a_limit_that_was_never_stated_allows_nothing(make_authority: Make) -> None:
    authority = make_authority(max_renders=None)
    with transaction() as session, pytest.raises(RenderLimitReached):
        allowance.count_render(session, authority.id, new_id("rnd"))


@pytest.mark.parametrize("status", ["suspended", "revoked", "expired"])
def test_nothing_is_counted_against_an_authority_that_is_not_granted(
    make_authority: Make, status: str
) -> None:
    authority = make_authority()
    with transaction() as session:
        authorities.set_status(session, authority.id, status, "a synthetic reason", "usr_legal")
    with transaction() as session, pytest.raises(AuthorityNotGranted, match=status):
        allowance.count_render(session, authority.id, new_id("rnd"))


def test_nothing_is_counted_against_a_superseded_version(make_authority: Make) -> None:
    first = make_authority()
    make_authority(persona_id=first.document.persona_id, supersedes=first.id)
    with transaction() as session, pytest.raises(AuthorityNotGranted, match="superseded"):
        allowance.count_render(session, first.id, new_id("rnd"))


def test_the_count_is_exact_when_many_workers_count_at_once(make_authority: Make) -> None:
    authority = make_authority(max_renders=10)
    counted: list[int] = []
    refused: list[str] = []
    start = threading.Barrier(6)

    def work() -> None:
        start.wait()
        for _ in range(4):
            try:
                with transaction() as session:
                    counted.append(allowance.count_render(session, authority.id, new_id("rnd")))
            except RenderLimitReached as error:
                refused.append(error.code)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counted) == list(range(1, 11))
    assert len(refused) == 24 - 10
    assert read(authority.id).renders_counted == 10


def test_the_receipt_that_the_person_gets_verifies_and_a_changed_one_does_not(make_authority: Make) -> None:
    authority = make_authority("consent")
    with reading() as session:
        receipt = authorities.authority_receipt(session, authority.id)
    assert authorities.verify_authority_receipt(receipt) == authority.document
    forged = {**receipt, "document": {**receipt["document"], "persona_id": "per_somebody_else"}}
    with pytest.raises(ForgedAuthority, match="not signed here"):
        authorities.verify_authority_receipt(forged)
    with pytest.raises(ForgedAuthority, match="cannot be read"):
        authorities.verify_authority_receipt({"document": {}})


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE authorities SET document = replace(document, '\"max_renders\": 5', '\"max_renders\": 500')",
        "UPDATE authorities SET persona_id = 'per_other'",
        "UPDATE authorities SET version = 7",
        "UPDATE authority_status SET status = 'granted' WHERE ordinal = 2",
        "UPDATE authority_status SET reason = 'nothing happened' WHERE ordinal = 2",
        "DELETE FROM authority_status WHERE ordinal = 1",
    ],
)
def test_an_authority_changed_behind_our_back_is_not_read(make_authority: Make, statement: str) -> None:
    authority = make_authority("consent")
    with transaction() as session:
        authorities.set_status(session, authority.id, "revoked", "withdrew", "usr_legal")
    with engine().begin() as connection:
        assert connection.execute(text(statement)).rowcount == 1
    with pytest.raises(ForgedAuthority):
        read(authority.id)


def test_rows_of_the_record_cannot_be_edited_or_deleted(make_authority: Make) -> None:
    authority = make_authority()
    with transaction() as session:
        allowance.count_render(session, authority.id, new_id("rnd"))
    with pytest.raises(Immutable), transaction() as session:
        session.get_one(AuthorityRow, authority.id).version = 3
    with pytest.raises(Immutable), transaction() as session:
        session.delete(session.get_one(AuthorityRow, authority.id))
    with pytest.raises(Immutable), transaction() as session:
        session.query(AuthorityRenderRow).delete()


def test_a_statement_for_a_presenter_who_does_not_exist(make_authority: Make) -> None:
    authority = make_authority("provenance", not_after=None)
    assert authority.document.provenance == STATEMENT
    assert authority.document.consent is None


def test_all_versions_of_a_persona_are_listed(make_authority: Make) -> None:
    first = make_authority()
    persona = first.document.persona_id
    second = make_authority(persona_id=persona, supersedes=first.id)
    make_authority()
    with reading() as session:
        assert [found.id for found in authorities.authorities_of(session, persona)] == [first.id, second.id]
