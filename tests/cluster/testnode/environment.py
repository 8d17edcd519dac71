"""A container's environment: what the pod asks for, what it refers to, the services around it."""

import base64
from typing import Any

from tests.cluster.testnode import quantity
from tests.cluster.testnode.client import Client, Object, RefusedError

SINGULAR = {"configmaps": "configmap", "secrets": "secret"}


class ConfigError(Exception):
    """A container that cannot be configured (CreateContainerConfigError)."""


class Lookup:
    """ConfigMaps and Secrets as they are now; a kubelet's words where there is none."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def data(
        self, namespace: str, kind: str, name: str, *, optional: bool = False
    ) -> dict[str, bytes] | None:
        """The keys and values; None where it does not exist and may be absent."""
        try:
            found = await self._client.get(f"/api/v1/namespaces/{namespace}/{kind}/{name}")
        except RefusedError as refused:
            if refused.status != 404:
                raise
            if optional:
                return None
            raise ConfigError(f'{SINGULAR[kind]} "{name}" not found') from None
        plain = {} if kind == "secrets" else found.get("data") or {}
        coded = found.get("data" if kind == "secrets" else "binaryData") or {}
        return {
            **{key: value.encode() for key, value in plain.items()},
            **{key: base64.b64decode(value) for key, value in coded.items()},
        }


def expand(text: str, known: dict[str, str]) -> str:
    """References `$(NAME)` to known variables; `$$` is a dollar.

    >>> expand("$(A)-$(B)-$$(A)", {"A": "1"})
    '1-$(B)-$(A)'
    """
    parts, at = [], 0
    while (dollar := text.find("$", at)) >= 0:
        parts.append(text[at:dollar])
        follows = text[dollar + 1 : dollar + 2]
        end = text.find(")", dollar) if follows == "(" else -1
        if follows == "$":
            parts.append("$")
            at = dollar + 2
        elif end > 0:
            name = text[dollar + 2 : end]
            parts.append(known.get(name, text[dollar : end + 1]))
            at = end + 1
        else:
            parts.append("$")
            at = dollar + 1
    return "".join([*parts, text[at:]])


def field(pod: Object, path: str, facts: dict[str, str]) -> str:
    """What a fieldRef names; `facts` has what only the node knows (addresses)."""
    meta = pod["metadata"]
    if "['" in path:
        head, _, key = path.partition("['")
        return str(meta.get(head.split(".")[1], {}).get(key[:-2], ""))
    if path in ("metadata.labels", "metadata.annotations"):
        values = meta.get(path.split(".")[1]) or {}
        return "\n".join(f'{key}="{_escaped(value)}"' for key, value in sorted(values.items()))
    known = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta["namespace"],
        "metadata.uid": meta["uid"],
        "spec.nodeName": pod["spec"].get("nodeName", ""),
        "spec.serviceAccountName": pod["spec"].get("serviceAccountName", "default"),
    }
    return known.get(path) or facts.get(path, "")


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def resource_field(reference: Object, container: Object, allocatable: dict[str, str]) -> str:
    """What a resourceFieldRef names; without a limit it is what the node has."""
    kind, _, name = reference["resource"].partition(".")
    resources = container.get("resources", {})
    value = resources.get(kind, {}).get(name)
    if value is None:
        value = allocatable.get(name, "0") if kind == "limits" else "0"
    return quantity.divided(value, reference.get("divisor") or "1")


def services(found: list[Object], namespace: str, *, links: bool) -> dict[str, str]:
    """The variables of the services of a namespace, in the older form too."""
    variables: dict[str, str] = {}
    for service in found:
        address = service["spec"].get("clusterIP", "None")
        ports = service["spec"].get("ports") or []
        if service["metadata"]["namespace"] != namespace or not links:
            continue
        if address in ("None", "") or not ports:
            continue
        name = service["metadata"]["name"].upper().replace("-", "_")
        variables[f"{name}_SERVICE_HOST"] = address
        variables[f"{name}_SERVICE_PORT"] = str(ports[0]["port"])
        first = f"{ports[0].get('protocol', 'TCP').lower()}://{address}:{ports[0]['port']}"
        variables[f"{name}_PORT"] = first
        for port in ports:
            protocol, number = port.get("protocol", "TCP"), port["port"]
            if port.get("name"):
                suffix = port["name"].upper().replace("-", "_")
                variables[f"{name}_SERVICE_PORT_{suffix}"] = str(number)
            link = f"{name}_PORT_{number}_{protocol}"
            variables[link] = f"{protocol.lower()}://{address}:{number}"
            variables[f"{link}_PROTO"] = protocol.lower()
            variables[f"{link}_PORT"] = str(number)
            variables[f"{link}_ADDR"] = address
    return variables


async def declared(
    container: Object,
    pod: Object,
    lookup: Lookup,
    *,
    around: dict[str, str],
    facts: dict[str, str],
    allocatable: dict[str, str],
) -> dict[str, str]:
    """The variables of `envFrom` and `env`, in their order, over those that are `around`."""
    namespace = pod["metadata"]["namespace"]
    made: dict[str, str] = {}
    for source in container.get("envFrom") or []:
        for kind, key in (("configmaps", "configMapRef"), ("secrets", "secretRef")):
            if reference := source.get(key):
                optional = bool(reference.get("optional"))
                data = await lookup.data(namespace, kind, reference["name"], optional=optional)
                made |= {
                    source.get("prefix", "") + name: value.decode(errors="replace")
                    for name, value in (data or {}).items()
                }
    for variable in container.get("env") or []:
        reference = variable.get("valueFrom") or {}
        value: str | None
        if "fieldRef" in reference:
            value = field(pod, reference["fieldRef"]["fieldPath"], facts)
        elif "resourceFieldRef" in reference:
            value = resource_field(reference["resourceFieldRef"], container, allocatable)
        elif reference:
            value = await _key(reference, namespace, lookup)
        else:
            value = expand(variable.get("value", ""), {**around, **made})
        if value is not None:
            made[variable["name"]] = value
    return made


async def _key(reference: dict[str, Any], namespace: str, lookup: Lookup) -> str | None:
    kind, title = (
        ("secrets", "Secret") if "secretKeyRef" in reference else ("configmaps", "ConfigMap")
    )
    wanted = reference.get("secretKeyRef") or reference.get("configMapKeyRef")
    if wanted is None:
        raise ConfigError(f"{sorted(reference)} is not imitated by the test node")
    optional = bool(wanted.get("optional"))
    data = await lookup.data(namespace, kind, wanted["name"], optional=optional)
    if data is not None and wanted["key"] in data:
        return data[wanted["key"]].decode(errors="replace")
    if optional:
        return None
    raise ConfigError(f"couldn't find key {wanted['key']} in {title} {namespace}/{wanted['name']}")
