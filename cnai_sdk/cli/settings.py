"""Commands for what later commands and notebooks find: secrets, use."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from cnai_sdk.cli.printing import json_option, print_json
from cnai_sdk.errors import CnaiError

if TYPE_CHECKING:
    from cnai_sdk.secrets import SecretStore


def _store() -> SecretStore:
    from cnai_sdk.secrets import SecretStore

    return SecretStore.default()


def _complete_secret(ctx: click.Context, parameter: Any, incomplete: str) -> list[CompletionItem]:
    try:
        return [CompletionItem(n) for n in _store().names() if n.startswith(incomplete)]
    except CnaiError:
        return []


@click.group(short_help="Keep secrets for jobs, by name.")
def secrets() -> None:
    """Keep secrets for jobs, by name, in a file that only you can read."""


@secrets.command("set")
@click.argument("name")
@json_option
def set_secret(name: str, as_json: bool) -> None:
    """Keep a secret. Its value is asked for, or read from standard input."""
    from cnai_sdk.secrets import check_secret_name

    check_secret_name(name)
    if sys.stdin.isatty():
        value = click.prompt(f"Value of {name}", hide_input=True, err=True)
    else:
        value = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    _store().set(name, value)
    if as_json:
        print_json({"set": name})
    else:
        click.echo(f"{name} is kept. A job gets it with --secret {name}, or secrets=[{name!r}].")


@secrets.command("list")
@json_option
def list_secrets(as_json: bool) -> None:
    """List the names; never a value."""
    names = _store().names()
    if as_json:
        print_json(names)
        return
    for name in names:
        click.echo(name)
    if not names:
        click.echo("No secrets yet. cnai secrets set NAME keeps one.", err=True)


@secrets.command("remove")
@click.argument("name", shell_complete=_complete_secret)
@json_option
def remove_secret(name: str, as_json: bool) -> None:
    """Forget a secret."""
    _store().remove(name)
    if as_json:
        print_json({"removed": name})
    else:
        click.echo(f"{name} was removed.")


def _complete_place(ctx: click.Context, parameter: Any, incomplete: str) -> list[CompletionItem]:
    from cnai_sdk.config import load_config
    from cnai_sdk.places import noted

    try:
        names = [place.name for place in noted(load_config())]
    except CnaiError:
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _forget(name: str, as_json: bool) -> None:
    from cnai_sdk import places
    from cnai_sdk.config import load_config

    config = load_config()
    place = places.named(config, name)
    places.forget(config, place)
    if as_json:
        print_json({"forgotten": place.name, "id": place.id})
    else:
        click.echo(
            f"{place.name} is not in the panel any more. Nothing on it was touched; "
            "the next use of it brings it back."
        )


@click.command()
@click.argument("backend", required=False, metavar="[local | kubernetes]")
@click.option("--context", metavar="NAME", help="Of the kubeconfig; its current one otherwise.")
@click.option("--namespace", "-n", metavar="NAME", help="Of the cluster.")
@click.option("--operator", metavar="pytorchjob|trainjob", help="What runs training there.")
@click.option(
    "--forget",
    metavar="NAME",
    shell_complete=_complete_place,
    help="Take a cluster off the panel's list; nothing on it is touched.",
)
@json_option
def use(
    backend: str | None,
    context: str | None,
    namespace: str | None,
    operator: str | None,
    forget: str | None,
    as_json: bool,
) -> None:
    """Choose where jobs run by default, or say where they do.

    It holds for programs started later; those that run now keep what they have.
    """
    from cnai_sdk.config import config_path, load_config, write_setting

    if forget is not None:
        if backend or context or namespace or operator:
            raise click.UsageError("--forget stands alone.")
        _forget(forget, as_json)
        return
    given = {"context": context, "namespace": namespace, "operator": operator}
    wishes = {name: value for name, value in given.items() if value is not None}
    said = ""
    if backend is not None or wishes:
        said = _try(backend, wishes)
        for name in given if backend == "kubernetes" else ():
            write_setting(name, wishes.get(name, ""))
        write_setting("backend", backend)
    config = load_config()
    if as_json:
        found = {"backend": config.backend, "why": config.backend_why, "file": str(config_path())}
        print_json(found | ({"place": said} if said else {}))
        return
    if backend is not None:
        click.echo(f"Programs started from now on use {said} ({config_path()}).")
    else:
        click.echo(f"{config.backend} ({config.backend_why})")
    if backend is not None and config.backend != backend:
        click.echo(
            f"In this terminal CNAI_BACKEND={os.environ['CNAI_BACKEND']} goes before it. "
            "Run: unset CNAI_BACKEND",
            err=True,
        )


def _try(backend: str | None, wishes: dict[str, str]) -> str:
    """Reach the place before it is written down; its name for a person."""
    import msgspec

    from cnai_sdk import runtime
    from cnai_sdk.client import Client
    from cnai_sdk.config import load_config

    unset = {"context": "", "namespace": "", "operator": ""}
    config = msgspec.structs.replace(load_config(), **unset)
    client = Client(config=config)
    client.use(backend, **wishes)
    place = runtime.call(client.backend.capabilities()).place
    return place if backend == "local" else f"{backend}: {place}"
