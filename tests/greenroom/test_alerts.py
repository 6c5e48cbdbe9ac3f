"""Prometheus itself evaluates the alert rules: each fires over the numbers that it is for, and is silent beside them.

``promtool`` is Debian's; nothing listens and nothing is scraped.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.servers.processes import program

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "observability"
RULES: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
}
Series = dict[str, str]


@dataclass(frozen=True)
class Case:
    """Numbers over which an alert fires, and others that are near them over which it does not.

    Attributes:
        fires, silent: in promtool's notation (``from+step x times``).
        alerts: how many are firing after ``steps``, each of ``minutes``.
    """

    fires: Series
    silent: Series
    alerts: int = 1
    steps: int = 50
    minutes: int = 1


def steady(name: str, value: float) -> Series:
    return {name: f"{value}+0x200"}


def growing(name: str, by: float) -> Series:
    return {name: f"0+{by}x200"}


def around(value: float, bound: str, good: str = "") -> Case:
    """A gauge that is over a bound, and one that is not."""
    return Case(steady(bound, value), steady(good or bound, 0 if value > 0 else 1))


def scores(high: float) -> Series:
    """A gate's histogram over a day of which that share lies in the upper half; the baseline says a half."""
    gate = 'gate="sync"'
    return (
        growing(f'greenroom_gate_score_bucket{{{gate},le="0.5",instance="a"}}', 2 - 2 * high)
        | growing(f'greenroom_gate_score_bucket{{{gate},le="+Inf",instance="a"}}', 2)
        | growing(f'greenroom_gate_score_count{{{gate},instance="a"}}', 2)
        | steady(f'greenroom_gate_score_baseline{{{gate},le="0.5"}}', 0.5)
        | steady(f'greenroom_gate_score_baseline{{{gate},le="+Inf"}}', 1)
    )


def outcomes(blocked: float, abstained: float = 0.0) -> Series:
    """A gate's verdicts by two workers."""
    found: Series = {}
    for worker in ("a", "b"):
        labels = f'gate="face",instance="{worker}"'
        found |= growing(f'greenroom_gate_outcomes_total{{{labels},verdict="block"}}', blocked)
        found |= growing(f'greenroom_gate_outcomes_total{{{labels},verdict="pass"}}', 1 - blocked)
        found |= growing(f'greenroom_gate_abstentions_total{{{labels},code="no_face"}}', abstained)
    return found


def requests(errors: float, slow: float = 0.0, route: str = "/queue") -> Series:
    """A hundred requests a minute, a share of which ends with 503, or takes five seconds."""
    labels = f'route="{route}",method="GET",instance="a"'
    return (
        growing(f'greenroom_http_request_seconds_count{{{labels},status="503"}}', 100 * errors)
        | growing(f'greenroom_http_request_seconds_count{{{labels},status="200"}}', 100 - 100 * errors)
        | growing(f'greenroom_http_request_seconds_bucket{{{labels},le="0.1"}}', 100 - 100 * slow)
        | growing(f'greenroom_http_request_seconds_bucket{{{labels},le="5"}}', 100)
        | growing(f'greenroom_http_request_seconds_bucket{{{labels},le="+Inf"}}', 100)
    )


def stages(failed: float, lost: float = 0.0) -> Series:
    """Ten stages in a minute."""
    done = 10 - failed - lost
    return (
        growing('greenroom_stage_seconds_count{stage="seal",outcome="done",instance="a"}', done)
        | growing('greenroom_stage_seconds_count{stage="seal",outcome="retried",instance="a"}', failed)
        | growing('greenroom_leases_lost_total{stage="seal",instance="a"}', lost)
    )


def processes(*kinds: str) -> Series:
    named = [steady(f'greenroom_process{{kind="{kind}",instance="{kind}"}}', 1) for kind in kinds]
    return {name: value for series in named for name, value in series.items()}


def settling(slow: float) -> Series:
    return (
        growing('greenroom_withdrawal_settling_seconds_bucket{le="5",instance="a"}', 1 - slow)
        | growing('greenroom_withdrawal_settling_seconds_bucket{le="300",instance="a"}', 1)
        | growing('greenroom_withdrawal_settling_seconds_bucket{le="+Inf",instance="a"}', 1)
    )


EVERYBODY = ("web", "worker", "relay", "sequencer")
CASES: dict[str, Case] = {
    "GreenroomReportOverdue": around(60, "greenroom_reports_overdue_seconds"),
    "GreenroomOldestWaitsTooLong": Case(
        steady('greenroom_oldest_seconds{state="voiced",instance="a"}', 1801)
        | steady('greenroom_oldest_seconds{state="voiced",instance="b"}', 1801),  # a second relay: one alert
        steady('greenroom_oldest_seconds{state="voiced"}', 1799)
        | steady('greenroom_oldest_seconds{state="in_review"}', 9999),
    ),
    "GreenroomReviewWaits": Case(
        steady('greenroom_oldest_seconds{state="in_review"}', 86401),
        steady('greenroom_oldest_seconds{state="in_review"}', 86399)
        | steady('greenroom_oldest_seconds{state="draft"}', 99999),
    ),
    "GreenroomMessagesNotSent": around(61, "greenroom_outbox_oldest_seconds"),
    "GreenroomLeaseChurn": Case(stages(0, lost=1), stages(0, lost=0.1)),
    "GreenroomLeasesOver": Case(
        steady('greenroom_leases{standing="over"}', 1), steady('greenroom_leases{standing="held"}', 9)
    ),
    "GreenroomPoison": Case(
        {'greenroom_renders_parked_total{code="poison"}': "0x20 1x200"},
        growing('greenroom_renders_parked_total{code="timestamp_unavailable"}', 1),
    ),
    "GreenroomStagesFail": Case(stages(2), stages(0.5)),
    "GreenroomTimestampAuthorityFails": Case(
        growing('greenroom_stage_retries_total{stage="seal",code="timestamp_unavailable"}', 1),
        growing('greenroom_stage_retries_total{stage="seal",code="timestamp_unavailable"}', 0.1)
        | growing('greenroom_stage_retries_total{stage="seal",code="blob_store"}', 1),
    ),
    "GreenroomBlobStoreFails": Case(
        growing('greenroom_blob_errors_total{operation="reading",code="away"}', 1)
        | growing('greenroom_blob_errors_total{operation="writing",code="away"}', 1),
        growing('greenroom_blob_errors_total{operation="reading",code="away"}', 0.1),
        alerts=2,
    ),
    "GreenroomLoopFails": Case(
        growing('greenroom_loop_errors_total{code="database_busy"}', 1),
        growing('greenroom_loop_errors_total{code="database_busy"}', 0.1),
    ),
    "GreenroomScoreDrift": Case(scores(0.9), scores(0.6), steps=160, minutes=10),
    "GreenroomGateAbstains": Case(outcomes(0, abstained=0.1), outcomes(0, abstained=0.01), minutes=10),
    "GreenroomGateBlocksMuch": Case(outcomes(0.3), outcomes(0.1), minutes=10),
    "GreenroomRecallClock": around(31, "greenroom_withdrawals_unsettled_oldest_seconds"),
    "GreenroomRecallSlow": Case(settling(0.2), settling(0.01)),
    "GreenroomLedgerStandsStill": around(121, "greenroom_ledger_pending_oldest_seconds"),
    "GreenroomLedgerDisagrees": Case(
        steady('greenroom_ledger_verified{instance="a"}', 1)
        | steady('greenroom_ledger_verified{instance="b"}', 0),
        steady("greenroom_ledger_verified", 1)
        | growing('greenroom_loop_errors_total{code="database_busy"}', 1),
    ),
    "GreenroomLedgerUnverified": Case({}, steady("greenroom_ledger_verified_seconds", 3600), steps=75),
    "GreenroomCertificateEnds": Case(
        steady('greenroom_certificate_expires_seconds{certificate="signing"}', 86400),
        steady('greenroom_certificate_expires_seconds{certificate="signing"}', 1209601),
    ),
    "GreenroomClockSkew": Case(
        steady('greenroom_clock_skew_seconds{instance="a"}', -3)
        | steady('greenroom_clock_skew_seconds{instance="b"}', 0),
        steady('greenroom_clock_skew_seconds{instance="a"}', -1),
    ),
    "GreenroomReleasesRefused": Case(
        growing('greenroom_release_refusals_total{code="parts"}', 1),
        growing('greenroom_release_refusals_total{code="parts"}', 0.05),
    ),
    "GreenroomErrorRatio": Case(requests(0.05), requests(0.005)),
    "GreenroomPagesAreSlow": Case(requests(0, slow=0.1), requests(0, slow=0.1, route="/v/{token}/video")),
    "GreenroomSignInsFail": Case(
        growing('greenroom_sign_ins_total{answer="refused"}', 10),
        growing('greenroom_sign_ins_total{answer="accepted"}', 10)
        | growing('greenroom_sign_ins_total{answer="refused"}', 1),
    ),
    "GreenroomProcessMissing": Case(processes(*EVERYBODY[:3]), processes(*EVERYBODY)),
    "GreenroomNumbersUnread": Case(
        steady('greenroom_collector_failed{part="renders",instance="a"}', 1),
        steady('greenroom_collector_failed{part="renders",instance="a"}', 0),
    ),
}


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [program("promtool", "prometheus"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def asked(name: str, series: Series, at: int, firing: int, every: int = 1) -> dict[str, Any]:
    """One test of promtool: how many alerts of that name are firing at that minute."""
    expression = f'count(ALERTS{{alertname="{name}",alertstate="firing"}})'
    samples = [{"labels": "{}", "value": firing}] if firing else []
    return {
        "interval": f"{every}m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": expression, "eval_time": f"{at}m", "exp_samples": samples}],
    }


def evaluated(
    folder: Path, rules: dict[str, dict[str, Any]], tests: list[dict[str, Any]], every: int = 1
) -> str:
    """What promtool says of them, with those rules alone; empty where all hold."""
    alone, file = folder / "rules.json", folder / "asked.json"  # JSON is YAML
    alone.write_text(json.dumps({"groups": [{"name": "alone", "rules": list(rules.values())}]}))
    file.write_text(
        json.dumps({"rule_files": [str(alone)], "evaluation_interval": f"{every}m", "tests": tests})
    )
    ran = promtool("test", "rules", file)
    return "" if ran.returncode == 0 else ran.stdout + ran.stderr


def holds(folder: Path, fires: bool) -> None:
    for every in {case.minutes for case in CASES.values()}:
        chosen = {name: case for name, case in CASES.items() if case.minutes == every}
        tests = [
            asked(name, case.fires, case.steps * every, case.alerts, every)
            if fires
            else asked(name, case.silent, case.steps * every, 0, every)
            for name, case in chosen.items()
        ]
        said = evaluated(folder, {name: RULES[name] for name in chosen}, tests, every)
        assert not said, said


def test_the_rules_and_the_example_of_a_configuration_are_prometheuss_own_language() -> None:
    for what, file in (("rules", "alerts.yaml"), ("config", "prometheus.yaml")):
        checked = promtool("check", what, FOLDER / file)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_there_is_a_case_for_every_alert() -> None:
    assert set(CASES) == set(RULES)


def test_every_alert_fires_when_it_should(tmp_path: Path) -> None:
    holds(tmp_path, fires=True)


def test_every_alert_is_silent_when_it_should_be(tmp_path: Path) -> None:
    holds(tmp_path, fires=False)


def test_an_alert_waits_as_long_as_it_says(tmp_path: Path) -> None:
    """Not at the first number: after two minutes of them."""
    name = "GreenroomMessagesNotSent"
    series = steady("greenroom_outbox_oldest_seconds", 61)
    tests = [asked(name, series, at, firing) for at, firing in ((1, 0), (3, 1))]
    assert not (said := evaluated(tmp_path, {name: RULES[name]}, tests)), said


def test_what_a_person_reads_is_a_sentence_with_its_runbook_line(tmp_path: Path) -> None:
    name = "GreenroomCertificateEnds"
    alert = {
        "alertname": name,
        "eval_time": "10m",
        "exp_alerts": [
            {
                "exp_labels": {"severity": "warning", "certificate": "signing"},
                "exp_annotations": {
                    "summary": "The signing certificate ends in 1d 0h 0m 0s.",
                    "runbook_url": "docs/observability.md#a-certificate-ends",
                },
            }
        ],
    }
    series = steady('greenroom_certificate_expires_seconds{certificate="signing"}', 86400)
    test = asked(name, series, 10, 1) | {"alert_rule_test": [alert]}
    assert not (said := evaluated(tmp_path, {name: RULES[name]}, [test])), said


@pytest.mark.parametrize("name", ["GreenroomRecallClock", "GreenroomErrorRatio", "GreenroomProcessMissing"])
def test_a_rule_that_never_fires_is_found(tmp_path: Path, name: str) -> None:
    """What these tests are worth: with another expression the same case fails."""
    case = CASES[name]
    never = RULES[name] | {"expr": "vector(1) > 2"}
    assert "FAILED" in evaluated(tmp_path, {name: never}, [asked(name, case.fires, case.steps, case.alerts)])
