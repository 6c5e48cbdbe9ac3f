"""The systemd units: a user a process, its own keys, and nothing of the machine that it does not need."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from core.settings import MetricsSettings
from tests.deploy import DEPLOY, DRAIN, PROCESSES, VERBS

SYSTEMD = DEPLOY / "systemd"
Unit = list[tuple[str, str]]


def read(path: Path) -> Unit:
    lines = (line for line in path.read_text().splitlines() if line and line[0] not in "#;[")
    return [(name, value) for name, _, value in (line.partition("=") for line in lines)]


def values(unit: Unit, name: str) -> list[str]:
    return [value for key, value in unit if key == name]


def unit_of(process: str) -> Unit:
    name = "greenroom-cpu@.service" if process == "cpu" else f"greenroom-{process}.service"
    return read(SYSTEMD / name)


COMMON = read(SYSTEMD / "greenroom-.service.d" / "hardening.conf")


def test_there_is_a_unit_for_each_process_and_for_nothing_else() -> None:
    names = {path.name.removesuffix(".service").rstrip("@") for path in SYSTEMD.glob("*.service")}
    assert names == {f"greenroom-{process}" for process in PROCESSES}


@pytest.mark.parametrize("process", PROCESSES)
def test_each_runs_its_command_as_its_own_user(process: str) -> None:
    unit = unit_of(process)
    assert values(unit, "User") == values(unit, "Group") == [f"greenroom-{process}"]
    (command,) = values(unit, "ExecStart")
    program, *words = command.split()
    assert program.startswith("/") and words[: len(VERBS[process])] == VERBS[process]


@pytest.mark.parametrize("process", PROCESSES)
def test_each_is_given_its_own_folder_of_keys_and_the_others_are_out_of_sight(process: str) -> None:
    unit = unit_of(process)
    assert values(unit, "BindReadOnlyPaths") == [f"/etc/greenroom/processes/{process}"]
    assert "/etc/greenroom/processes:ro" in values(COMMON, "TemporaryFileSystem")
    named = set(re.findall(r"/etc/greenroom/processes/(\w+)", str(unit)))
    assert named == {process}
    # Not even an Environment= or a mount of a later line takes back what the common part says.
    assert not {key for key, _ in unit} & {key for key, _ in COMMON} - {"Environment"}


def test_the_verification_runs_once_a_day_and_the_relay_looks_into_what_it_keeps() -> None:
    """The common part says Restart=always, which systemd refuses of what runs once: a later file takes it back."""
    folder = SYSTEMD / "greenroom-verify.service.d"
    (once,) = folder.iterdir()
    assert once.name > "hardening.conf", "files count in the order of their names"
    assert dict(read(once)) == {"Type": "oneshot", "Restart": "no", "TimeoutStartSec": "infinity"}
    timer = dict(read(SYSTEMD / "greenroom-verify.timer"))
    assert timer["OnCalendar"] == "daily" and timer["WantedBy"] == "greenroom.target"
    (command,), (kept,) = values(unit_of("verify"), "ExecStart"), values(unit_of("verify"), "StateDirectory")
    assert values(unit_of("verify"), "StateDirectoryMode") == ["0755"]
    report = f"%S/{kept}/ledger-verify.json"
    assert command.replace("${GREENROOM_HOME}", f"%S/{kept}").endswith(f"--report {report}")
    assert f"GREENROOM_METRICS_LEDGER_REPORT={report}" in values(unit_of("relay"), "Environment")


def test_every_process_offers_its_numbers_on_loopback_where_the_example_of_prometheus_asks() -> None:
    ports = {
        process: int(*re.findall(r"GREENROOM_METRICS_PORT=(\d+)", str(unit_of(process))))
        for process in PROCESSES
        if process != "verify"  # what it finds the relay offers
    }
    asked = yaml.safe_load((DEPLOY / "observability" / "prometheus.yaml").read_text())
    (job,) = asked["scrape_configs"]
    targets = {target for config in job["static_configs"] for target in config["targets"]}
    assert {f"127.0.0.1:{port}" for port in ports.values()} <= targets and len(set(ports.values())) == len(
        ports
    )
    assert "GREENROOM_METRICS_HOST" not in "".join(
        path.read_text() for path in SYSTEMD.rglob("*.*") if path.is_file()
    )
    assert MetricsSettings().host == "127.0.0.1"


def test_only_the_io_worker_is_told_where_the_claim_key_is() -> None:
    told = {process for process in PROCESSES if "claim.key" in str(unit_of(process))}
    assert told == {"io"} and "claim.key" not in str(COMMON)
    signing = {process for process in PROCESSES if "GREENROOM_SIGNING_KEY" in str(unit_of(process))}
    assert signing == {"io"}
    assert "GREENROOM_PIPELINE_KINDS=cpu" in values(unit_of("web"), "Environment"), "it asks for releases"


def test_what_none_of_them_needs_is_taken_from_all() -> None:
    wanted = {
        "NoNewPrivileges": "yes",
        "CapabilityBoundingSet": "",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "PrivateTmp": "yes",
        "PrivateDevices": "yes",
        "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
        "RestrictNamespaces": "user net",
        "UMask": "0077",
    }
    assert {name: values(COMMON, name) for name in wanted} == {
        name: [value] for name, value in wanted.items()
    }


def test_a_decoding_child_can_put_up_its_walls() -> None:
    """Debian 12's `@system-service` lacks what core/media/walls.py asks the kernel for."""
    assert values(COMMON, "SystemCallFilter") == [
        "@system-service", "seccomp landlock_create_ruleset landlock_restrict_self"
    ]  # fmt: skip


def test_a_process_has_the_time_that_its_drain_takes() -> None:
    (seconds,) = values(COMMON, "TimeoutStopSec")
    assert float(seconds) >= DRAIN + 15
    assert values(COMMON, "KillMode") == ["mixed"], "its decoding children are not asked to end before it"


def test_every_user_is_declared() -> None:
    declared = re.findall(r"^u (\S+)", (SYSTEMD / "sysusers.conf").read_text(), re.MULTILINE)
    assert declared == [f"greenroom-{process}" for process in PROCESSES]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_itself_understands_them(tmp_path: Path) -> None:
    units = tmp_path / "units"
    shutil.copytree(SYSTEMD, units)
    for unit in units.glob("*.service"):  # what is not installed here would be a fault of its own
        unit.write_text(unit.read_text().replace("/opt/greenroom/bin/greenroom", "/bin/true"))
    names = [str(path).replace("@.", "@1.") for path in units.glob("greenroom*.*e*") if path.is_file()]
    environment = {"SYSTEMD_UNIT_PATH": f"{units}:", "PATH": "/usr/bin:/bin"}
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *names],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (verified.returncode, verified.stderr) == (0, "")
    assert len(names) == len(PROCESSES) + 2
    services = [name for name in names if name.endswith(".service")]
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=25", *services],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout[
        -500:
    ]  # exposure of 2.5 at most; 10 is a unit without any of it
