"""What is installed here, and under which licence its own metadata says that it is."""

from __future__ import annotations

from email.message import Message
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from typing import cast

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

OURS = "greenroom"
EXTRAS = ("postgres", "redis", "s3")


def stated_licence(of: Distribution) -> str:
    """The licence in the words of the package's own metadata: its expression, its classifiers, or its first line."""
    metadata = cast("Message", of.metadata)  # which it is, and its protocol in typeshed says less
    kinds = [kind for kind in metadata.get_all("Classifier", []) if kind.startswith("License ::")]
    words = "; ".join(sorted(kind.rpartition(" :: ")[2] for kind in kinds))
    first = (metadata.get("License") or "nothing").strip().splitlines()[0][:80]
    return metadata.get("License-Expression") or words or first


def everything() -> dict[str, str]:
    """Every installed package but our own, by its canonical name, with the stated licence."""
    return {
        canonicalize_name(each.metadata["Name"]): stated_licence(each)
        for each in distributions()
        if each.metadata["Name"] != OURS
    }


def runtime() -> set[str]:
    """The packages that Greenroom needs to run, with what those need: canonical names."""
    found: set[str] = set()
    waiting = [(OURS, "")] + [(OURS, extra) for extra in EXTRAS]
    seen = set()
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:
            continue  # for another platform
        found.add(name)
        for text in requires:
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                waiting += [(canonicalize_name(need.name), each) for each in ("", *need.extras)]
    return found - {OURS}
