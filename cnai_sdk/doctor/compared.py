"""What a cluster has, compared with what is shipped: where it differs, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Document = Mapping[str, Any]
_BY_THE_SERVER = {"matchPolicy": "Equivalent", "scope": "*"}
NOT_SHIPPED = ", and what is shipped does not set it"
_SHOWN = 60
_MANY = 4


def differences(wanted: Document, found: Document) -> list[str]:
    """Where an object is not what is shipped, so that it holds less or allows more.

    The ceilings' numbers are an administrator's own, so they are not compared here.
    """
    if wanted["kind"] in ("Role", "ClusterRole"):
        return _of_rights(rights_of(wanted), rights_of(found))
    if wanted["kind"] == "Namespace":
        labels = wanted["metadata"].get("labels") or {}
        return list(_of_maps(labels, found["metadata"].get("labels") or {}, "", whole=False))
    if wanted["kind"] == "ConfigMap":
        return []
    return list(_of_maps(_without_numbers(wanted), _without_numbers(found), "", whole=True))


def rights_of(role: Document) -> set[str]:
    """Every verb of a role, such as 'get pods/log'."""
    found = set()
    for rule in role.get("rules") or ():
        names = f" named {', '.join(rule['resourceNames'])}" if rule.get("resourceNames") else ""
        for verb in rule.get("verbs") or ():
            found |= {
                f"{verb} {resource}{'.' + group if group else ''}{names}"
                for group in rule.get("apiGroups") or ()
                for resource in rule.get("resources") or ()
            }
            found |= {f"{verb} {path}" for path in rule.get("nonResourceURLs") or ()}
    return found


def _of_rights(wanted: set[str], found: set[str]) -> list[str]:
    more, less = sorted(found - wanted), sorted(wanted - found)
    told = [f"it allows {_few(more)} as well"] if more else []
    return [*told, f"it lacks {_few(less)}"] if less else told


def _few(words: Sequence[str]) -> str:
    rest = len(words) - _MANY
    return ", ".join(words[:_MANY]) + (f" and {rest} more" if rest > 0 else "")


def _without_numbers(document: Document) -> Document:
    from cnai_sdk.admin.manifests import HELD

    spec = dict(document.get("spec") or {})
    spec["variables"] = [
        {"name": each.get("name"), "expression": ""} if each.get("name") in HELD else each
        for each in spec.get("variables") or ()
    ]
    return spec


def _of_maps(wanted: Document, found: Document, at: str, *, whole: bool) -> Iterator[str]:
    """Fields that differ.

    Args:
        whole: whether a field that is not wanted is one too, unless the server adds it.
    """
    for key, value in wanted.items():
        yield from _of_values(value, found.get(key), f"{at}{key}", whole=whole)
    for key in sorted(found.keys() - wanted.keys()) if whole else ():
        if found[key] and _BY_THE_SERVER.get(key) != found[key]:
            yield f"{at}{key} is {_text(found[key])}{NOT_SHIPPED}"


def _of_values(wanted: Any, found: Any, at: str, *, whole: bool) -> Iterator[str]:
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        yield from _of_maps(wanted, found, f"{at}.", whole=whole)
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for nth, (one, other) in enumerate(zip(wanted, found, strict=True)):
            name = one.get("name", nth) if isinstance(one, Mapping) else nth
            yield from _of_values(one, other, f"{at}[{name}]", whole=whole)
    elif wanted != found and (wanted or found):
        yield f"{at} is {_text(found)} and not {_text(wanted)}"


def _text(value: Any) -> str:
    text = "nothing" if value is None else " ".join(str(value).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
