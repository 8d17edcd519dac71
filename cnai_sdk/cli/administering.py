"""Commands for whoever runs a cluster: admin."""

from __future__ import annotations

import click

from cnai_sdk.cli.printing import json_option, print_json

_CEILINGS = {
    "workers": ("workers-per-job", "Workers that one job may have."),
    "gpus": ("gpus-per-job", "GPUs that one job may have."),
    "hours": ("hours-per-job", "Hours that one job with GPUs may run."),
    "gpu_hours": ("gpu-hours-per-job", "GPU-hours that one job may use."),
    "gpu_hours_in_all": ("gpu-hours-per-namespace", "GPU-hours of a namespace's jobs; advice."),
}


@click.group(short_help="Set a cluster up for students.")
def admin() -> None:
    """Set a cluster up for students, with the least rights that suffice."""


def _ceilings(command: click.Command) -> click.Command:
    for name, (_, help) in reversed(_CEILINGS.items()):
        option = f"--{name.replace('_', '-')}"
        click.option(option, metavar="N", help=f"{help} '' for no ceiling.")(command)
    return command


@_ceilings
@admin.command(short_help="Print the objects of a setup, for kubectl apply.")
@click.option(
    "--base",
    is_flag=True,
    help="With the cluster's own objects: roles, policies, ceilings; so without any option.",
)
@click.option(
    "--student",
    multiple=True,
    metavar="NAMESPACE=WHO",
    help="A namespace and whom it is for; repeatable.",
)
@click.option("--teacher", multiple=True, metavar="WHO", help="Looks at all of them; repeatable.")
@click.option(
    "--quota",
    multiple=True,
    metavar="KEY=AMOUNT",
    help="Of each namespace, one for each key of GPUs that your nodes offer; repeatable.",
)
@click.option(
    "--gpu-profile",
    default="",
    metavar="FILE",
    help="What GPUs there are, for students who cannot see nodes; see docs/gpu-cluster.md.",
)
@click.option("--shared", default="", metavar="NAMESPACE", help="What students only read.")
@json_option
def manifests(
    base: bool,
    student: tuple[str, ...],
    teacher: tuple[str, ...],
    quota: tuple[str, ...],
    gpu_profile: str,
    shared: str,
    as_json: bool,
    **ceilings: str | None,
) -> None:
    """Print the objects of a setup, for `kubectl apply -f -`; nothing is sent anywhere.

    WHO is a user's name, group:NAME, or serviceaccount:NAMESPACE:NAME. Students and teachers are
    added to those who are there; the base is printed without them, or with --base.
    """
    from cnai_sdk.admin import manifests as made
    from cnai_sdk.admin.manifests import Setup, checked_profile, checked_quota, written
    from cnai_sdk.admin.people import Subject, checked_namespace
    from cnai_sdk.admin.people import student as parsed
    from cnai_sdk.backends.kubernetes.ceilings import check_ceiling
    from cnai_sdk.config import SHARED

    given = [(_CEILINGS[name][0], value) for name, value in ceilings.items() if value is not None]
    documents = made(
        Setup(
            base=_with_base(base, bool(given), bool(student or teacher), bool(gpu_profile)),
            shared=checked_namespace(shared or SHARED),
            students=tuple(parsed(each) for each in student),
            teachers=tuple(Subject.parse(each) for each in teacher),
            ceilings={name: check_ceiling(name, value) for name, value in given},
            quota=dict(checked_quota(each) for each in quota),
            gpu_profile=checked_profile(gpu_profile) if gpu_profile else "",
        )
    )
    if as_json:
        print_json({"apiVersion": "v1", "kind": "List", "items": documents})
    else:
        click.echo(written(documents), nl=False)


def _with_base(base: bool, ceilings: bool, people: bool, profile: bool) -> bool:
    """Whether the base is printed, whose ceilings would otherwise go back to the shipped ones."""
    from cnai_sdk.errors import InvalidRequest

    if ceilings and people and not base:
        raise InvalidRequest(
            "A ceiling is of the whole cluster, and only students or teachers are added.",
            why="Ceilings are written into the base, which is not printed with people.",
            next_step="Set the ceilings by themselves: cnai admin manifests --gpus 4; or print "
            "both with --base. What is left out of a base is as it is shipped.",
        )
    return base or ceilings or not (people or profile)
