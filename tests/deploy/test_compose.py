"""The containers: no root, no capabilities, nothing writable but what is said, and each secret where it belongs."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from core.settings_page import variables
from tests.deploy import DEPLOY, DRAIN, PROCESSES, VERBS
from tests.packages import PACKAGES

COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
CONTAINERFILE = (DEPLOY / "Containerfile").read_text()
OURS = {
    "web-1": "web",
    "web-2": "web",
    "cpu": "cpu",
    "io": "io",
    "relay": "relay",
    "sequencer": "sequencer",
    "verify": "verify",
}
USERS = {process: int(uid) for process, uid in re.findall(r"\b(\w+):(1000\d)", CONTAINERFILE)}


def mounted(service: dict[str, Any]) -> set[str]:
    """What of the host a service can see, by its path there."""
    return {volume.split(":")[0] for volume in service.get("volumes", []) if volume.startswith(".")}


def test_every_process_is_there_and_the_web_twice() -> None:
    assert set(OURS) <= set(SERVICES) and set(OURS.values()) == set(PROCESSES) == set(USERS)
    assert SERVICES["cpu"]["scale"] > 1


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_has_root_or_a_way_to_it(name: str) -> None:
    service = SERVICES[name]
    user, group = service["user"].split(":")
    assert int(user) > 0 and int(group) > 0
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "network_mode", "userns_mode"} & set(
        service
    )
    assert "docker.sock" not in str(service)


@pytest.mark.parametrize(("name", "process"), OURS.items())
def test_each_process_has_its_own_user_command_and_secrets(name: str, process: str) -> None:
    service = SERVICES[name]
    assert service["user"] == f"{USERS[process]}:{USERS[process]}"
    said = service["command"] if "entrypoint" not in service else service["command"][0].split()[4:]
    assert said[: len(VERBS[process])] == VERBS[process]
    assert mounted(service) == {f"./processes/{process}", "./signing"}
    assert all(volume.endswith(":ro") for volume in service["volumes"] if volume.startswith("."))
    assert service["env_file"] == ["greenroom.env", f"processes/s3-{process}.env"]
    assert "secrets" not in service


def test_only_io_is_told_where_the_claim_key_is_and_only_it_and_the_proxy_reach_the_world() -> None:
    assert [name for name, s in SERVICES.items() if "GREENROOM_SIGNING_KEY" in s.get("environment", {})] == [
        "io"
    ]
    for name in ("web-1", "web-2"):
        assert SERVICES[name]["environment"]["GREENROOM_PIPELINE_KINDS"] == "cpu", "it asks for releases"
    assert {name for name, s in SERVICES.items() if "out" in s["networks"]} == {"io", "proxy", "relay"}
    assert {name for name, s in SERVICES.items() if "ports" in s} == {"proxy"}
    assert COMPOSE["networks"]["inside"] == COMPOSE["networks"]["front"] == {"internal": True}


def test_prometheus_asks_every_process_and_nobody_outside_can() -> None:
    asked = yaml.safe_load((DEPLOY / "observability" / "prometheus.compose.yaml").read_text())
    (job,) = asked["scrape_configs"]
    port = COMPOSE["x-settings"]["GREENROOM_METRICS_PORT"]
    targets = {target for config in job["static_configs"] for target in config["targets"]}
    found = {f"{name}:{config['port']}" for config in job["dns_sd_configs"] for name in config["names"]}
    assert targets | found == {f"{name}:{port}" for name in OURS if name != "verify"}
    networks = set(SERVICES["prometheus"]["networks"])
    assert all(networks & set(SERVICES[name]["networks"]) for name in OURS)
    assert all(COMPOSE["networks"][network].get("internal") for network in networks)
    assert "ports" not in SERVICES["prometheus"]
    blocked = re.search(r"@inside path (.*)", (DEPLOY / "Caddyfile").read_text())
    assert blocked is not None and "/metrics" in blocked[1].split()


def test_the_verification_keeps_its_answer_where_the_relay_looks() -> None:
    command, relay = SERVICES["verify"]["command"][0], SERVICES["relay"]
    home = SERVICES["verify"]["environment"]["GREENROOM_HOME"]
    kept = re.search(r"--report (\S+);", command)
    assert kept is not None
    assert (
        kept[1].replace("$$GREENROOM_HOME", home) == relay["environment"]["GREENROOM_METRICS_LEDGER_REPORT"]
    )
    assert f"verify:{home}" in SERVICES["verify"]["volumes"] and f"verify:{home}:ro" in relay["volumes"]


def test_the_owner_of_the_tables_is_nobody_but_the_migration() -> None:
    as_owner = {name for name, s in SERVICES.items() if "greenroom_owner@" in str(s.get("environment", {}))}
    given = {name for name, s in SERVICES.items() if "owner_pgpass" in s.get("secrets", [])}
    assert as_owner == given == {"migrate"} and SERVICES["migrate"]["profiles"] == ["migrate"]


def test_no_secret_stands_in_a_file_of_the_repository() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASS|SECRET|TOKEN|_KEY", variable):
                assert variable.endswith("_FILE") or str(value).startswith("/run/"), (name, variable)
            assert not re.search(r"://[^/@]*:[^/@]+@", str(value)), (name, variable)
    assert not re.search(r"^(ENV|ARG).*(PASS|SECRET|TOKEN)", CONTAINERFILE, re.MULTILINE)
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", CONTAINERFILE, re.MULTILINE)
    assert copied[0] == "supply/requirements.txt"
    assert " ".join(copied[1:]).split() == [
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "THIRD_PARTY.md",
        *PACKAGES,
    ]


def test_the_image_takes_what_was_locked_by_its_hashes_and_nothing_else() -> None:
    installs = re.findall(r"pip install (.*)$", CONTAINERFILE.replace("\\\n", ""), re.MULTILINE)
    assert len(installs) == 2 and all("--no-deps" in words for words in installs)
    assert "--require-hashes" in installs[0] and installs[0].endswith("-r supply/requirements.txt")
    assert installs[1] == "--no-deps --no-build-isolation ."


def test_a_container_has_the_time_that_its_drain_takes() -> None:
    for name in OURS:
        assert float(SERVICES[name]["stop_grace_period"].removesuffix("s")) >= DRAIN + 15


def test_every_image_is_pinned_by_a_digest_that_somebody_has_to_fill_in() -> None:
    pins = [
        service["image"] for service in SERVICES.values() if not service["image"].startswith("greenroom:")
    ]
    pins += re.findall(r"^ARG PYTHON=(\S+)", CONTAINERFILE, re.MULTILINE)
    assert len(pins) == 6 and all(re.fullmatch(r"\S+@sha256:[0-9a-f]{64}", pin) for pin in pins)
    assert set(re.findall(r"^FROM (\S+)", CONTAINERFILE, re.MULTILINE)) == {"${PYTHON}"}
    users = re.findall(r"^USER (\S+)", CONTAINERFILE, re.MULTILINE)
    assert users and all(int(user) in USERS.values() for user in users)


def test_every_setting_that_is_named_is_one() -> None:
    text = "".join(path.read_text() for path in DEPLOY.rglob("*") if path.is_file())
    named = set(re.findall(r"\bGREENROOM_[A-Z0-9_]*[A-Z0-9]\b", text))
    assert named <= set(variables())
