"""What a verb was called with, checked for what can be checked without a machine.

Belongs here: checks of arguments that every backend shares. Never here: whether a machine or a
cluster can grant them.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

from cnai_sdk.capture import check_secret
from cnai_sdk.errors import InvalidRequest, SecretRefused
from cnai_sdk.gpu.slices import size
from cnai_sdk.gpu.wish import ISOLATIONS, Isolation
from cnai_sdk.model.quantity import (
    as_count,
    as_number,
    parse_duration,
    parse_memory,
    show_given,
)
from cnai_sdk.model.spec import AMOUNT, MOST, Resources
from cnai_sdk.remote import outputs_of

_TOLD = re.compile(
    r"CNAI_(?!KEEP_GROUPS$).*|(LOCAL_|GROUP_|ROLE_)?(RANK|WORLD_SIZE)|MASTER_(ADDR|PORT)"
)
_REQUIREMENT = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\s*(?:\[[A-Za-z0-9._,\s-]*\])?"
    r"\s*(?:@\s*(?:git\+)?https?://\S+|\(?\s*(?:(?:===?|[~!<>]=|[<>])\s*[\w.*+!-]+\s*,?\s*)*\)?)\s*(?:;.+)?"
    r"|(?:git\+)?https?://\S+",
    re.ASCII,
)
_SLICE = re.compile(r"(?:nvidia\.com/)?(?:mig[- ]?)?(\d{1,3}g\.\d{1,6}gb)\S{0,20}", re.IGNORECASE)
_OBJECT = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.ASCII)
_REGISTRY = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
_PART = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
_IMAGE = re.compile(
    rf"({_REGISTRY}(:[0-9]{{1,5}})?/)?{_PART}(/{_PART})*(:\w[\w.-]{{0,127}})?"
    r"(@[A-Za-z][A-Za-z0-9]*([+._-][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,128})?",
    re.ASCII,
)
_LONGEST_IMAGE = 511
_SECRET_OF_CLUSTER = re.compile(
    r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII
)
_PASSWORD_IN_URL = re.compile(r"://[^/\s@]*:[^/\s@]+@")


def parse_resources(
    cpu: object,
    memory: object,
    gpu: object,
    gpu_memory: object,
    gpu_model: object,
    isolation: object = None,
) -> Resources:
    """What each worker asks for.

    Raises:
        InvalidRequest: a number that no machine could grant.
    """
    for label, value in (("gpu", gpu), ("gpu_memory", gpu_memory), ("gpu_model", gpu_model)):
        _refuse_slice(label, value)
    return Resources(
        cpu=None if cpu is None else _amount("cpu", cpu),
        memory=None if memory is None else parse_memory(memory),
        gpu=0.0 if gpu is None else _amount("gpu", gpu),
        gpu_memory=None if gpu_memory is None else parse_memory(gpu_memory, argument="gpu_memory"),
        gpu_model=_model(gpu_model),
        isolation=_isolation(isolation),
    )


def _amount(label: str, value: object) -> float:
    """A number, to a millionth: numpy's of single precision are that precise."""
    number = as_number(value)
    if number is None:
        raise InvalidRequest(
            f"{label}={show_given(value)} is not a number.", next_step=f"Write {label}=1, for one."
        )
    if not 0 < number < AMOUNT:
        raise InvalidRequest(
            f"{label}={show_given(value)} cannot be given.",
            next_step=f"Write a number above 0, or leave {label} out.",
        )
    return round(number, 6) or number


def _refuse_slice(label: str, value: object) -> None:
    """A slice of MIG has a name, and there may be none of it, or larger ones only."""
    found = _SLICE.fullmatch(value) if isinstance(value, str) else None
    if found is not None:
        raise InvalidRequest(
            f"{label}={show_given(value)} is the name of a slice that MIG makes of a card.",
            why="Slices are not named: the smallest with the memory is taken, of those there are.",
            next_step=f'Write gpu_memory="{max(size(found[1].lower()), 1)}Gi", which is as much as '
            "its name says, or gpu=0.5 for half of a card.",
        )


def _model(value: object) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > 100 or not value.isprintable():
        raise InvalidRequest(
            f"gpu_model={show_given(value)} is not a device's name.",
            next_step='Write gpu_model="A100", for one; cnai.gpus() lists what there is.',
        )
    return value


def _isolation(value: object) -> Isolation:
    if value is None:
        return "memory"
    if value not in ISOLATIONS:
        raise InvalidRequest(
            f"isolation={value!r} is not a kind of isolation.",
            why="It is what has to hold between those who share a GPU.",
            next_step='Write isolation="memory" (the default), "hardware" or "none".',
        )
    return next(each for each in ISOLATIONS if each == value)


def parse_options(
    *,
    workers: object,
    retries: object,
    timeout: object,
    env: object,
    secrets: object,
    packages: object,
    outputs: object = None,
    image: object = None,
    shm: object = None,
    queue: object = None,
    priority: object = None,
) -> dict[str, Any]:
    """The fields of a TrainSpec that need no machine to be checked.

    Raises:
        InvalidRequest: one of them cannot be carried out as written.
        SecretRefused: env or packages has a secret in it.
    """
    return {
        "workers": _count("workers", workers, least=1),
        "retries": _count("retries", retries, least=0),
        "timeout": None if timeout is None else parse_duration(timeout),
        "env": _environment(env),
        "secrets": tuple(map(_secret, _names("secrets", secrets))),
        "packages": tuple(map(_requirement, _names("packages", packages))),
        "interpreter": sys.executable,
        "outputs": parse_outputs(outputs),
        "image": _image(image),
        "shm": None if shm is None else parse_memory(shm, argument="shm"),
        "queue": _object_name("queue", queue),
        "priority": _priority(priority),
    }


def parse_outputs(outputs: object) -> str:
    """Where a cluster keeps what the workers write, or '' when left out.

    Raises:
        InvalidRequest: not a place that can be written to and read back.

    >>> parse_outputs(None), parse_outputs("pvc://scratch/runs/")
    ('', 'pvc://scratch/runs')
    """
    return "" if outputs is None or outputs == "" else outputs_of(outputs)


def _object_name(label: str, value: object) -> str:
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or not _OBJECT.fullmatch(value) or len(value) > 253:
        raise InvalidRequest(
            f"{label}={value!r} is no name that a cluster could have given.",
            why="It has a-z, 0-9, '-' and '.', and starts and ends with a letter or a digit.",
            next_step=f'Write {label}="team-a", for one.',
        )
    return value


def _priority(value: object) -> str:
    name = _object_name("priority", value)
    if name.startswith("system-"):
        raise InvalidRequest(
            f"priority={name!r} is one of the cluster's own.",
            why="What has it takes the place of anything else, also of what runs the cluster.",
            next_step="Leave priority out, or ask the administrator for a priority class.",
        )
    return name


def _image(value: object) -> str:
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST_IMAGE or not _IMAGE.fullmatch(value):
        raise InvalidRequest(
            f"image={value!r} is no reference of a container image.",
            why="Its name has a-z and 0-9, with '.', '_' or '-' in between, no capital letters; "
            "':tag' and '@sha256:...' follow it.",
            next_step='Write image="pytorch/pytorch:2.9.1-cuda12.8-cudnn9-runtime", for one.',
        )
    return value


def parse_args(args: object) -> dict[str, Any]:
    """The keyword arguments for the function that is captured.

    Raises:
        InvalidRequest: not a dict of names.

    >>> parse_args(None), parse_args({"lr": 0.1})
    ({}, {'lr': 0.1})
    """
    if args is None:
        return {}
    if not isinstance(args, Mapping) or not all(isinstance(name, str) for name in args):
        raise InvalidRequest(
            f"args={args!r} is not a dict of the function's arguments.",
            next_step='Write args={"lr": 0.1}.',
        )
    return dict(args)


def _count(label: str, value: object, *, least: int) -> int:
    count = as_count(value)
    if count is not None and count > MOST:
        raise InvalidRequest(
            f"{label}={show_given(value)} is more than a job can have: {MOST} at most.",
            next_step=f"Write a smaller number, such as {label}={max(least, 2)}.",
        )
    if count is None or count < least:
        raise InvalidRequest(
            f"{label}={show_given(value)} is not a number of {label}.",
            next_step=f"Write a whole number from {least}, such as {label}={max(least, 2)}.",
        )
    return count


def _environment(env: object) -> dict[str, str]:
    if env is None:
        return {}
    if not isinstance(env, Mapping):
        raise InvalidRequest(
            f"env={env!r} is not a dict.", next_step='Write env={"NCCL_DEBUG": "INFO"}.'
        )
    for name, value in env.items():
        if not isinstance(name, str) or not isinstance(value, str) or "=" in name or not name:
            raise InvalidRequest(
                f"env has {name!r}: {value!r}, and both must be text.",
                next_step=f'Write env={{"{name or "NAME"}": "{value}"}}.',
            )
        if "\0" in name + value:
            raise InvalidRequest(
                f"env has {name!r} with a zero byte, which no environment can hold.",
                next_step="Write it without the zero byte.",
            )
        if _TOLD.fullmatch(name):
            raise InvalidRequest(
                f"env has {name!r}, which every worker is told already.",
                why="It says which worker it is, or where it works; another value would part it "
                "from the rest.",
                next_step=f"Leave {name} out; workers= says how many there are.",
            )
        check_secret(name, value, where="env")
    return dict(env)


def _names(label: str, value: object) -> tuple[str, ...]:
    example = {"secrets": '["HF_TOKEN"]', "packages": '["tqdm>=4.66"]'}[label]
    ok = isinstance(value, list | tuple) and all(isinstance(v, str) and v for v in value)
    if not ok:
        raise InvalidRequest(
            f"{label}={value!r} is not a list of names.", next_step=f"Write {label}={example}."
        )
    return tuple(value)  # type: ignore[arg-type]


def _secret(name: str) -> str:
    if "/" in name and not _SECRET_OF_CLUSTER.fullmatch(name):
        raise InvalidRequest(
            f"secrets has {name!r}, which names no key of a Secret.",
            next_step='Write secrets=["my-secret/HF_TOKEN"] for the key HF_TOKEN of the Secret '
            'my-secret of the namespace, or secrets=["HF_TOKEN"] for your own.',
        )
    return name


def _requirement(text: str) -> str:
    check_secret("packages", text, where="packages")
    if _PASSWORD_IN_URL.search(text):
        raise SecretRefused(
            "packages has a URL with a password in it, which is not sent.",
            why="It would be written into the store, where others can read it.",
            next_step="Keep the password in pip's configuration or ~/.netrc, which are handed on.",
        )
    if not _REQUIREMENT.fullmatch(text.strip()):
        raise InvalidRequest(
            f"packages has {text!r}, which is not a requirement.",
            why="A requirement is a package's name, with a version where you want one; it is no "
            "option of pip and no local path.",
            next_step='Write packages=["tqdm>=4.66"]; local modules beside the notebook travel '
            "by themselves.",
        )
    return text.strip()


def shown_signature(method: Callable[..., object]) -> inspect.Signature:
    """What may be written in a call of a verb, as a notebook shows it."""
    whole = inspect.signature(method)
    given = [each for each in whole.parameters.values() if each.name not in ("self", "unknown")]
    return whole.replace(parameters=given)
