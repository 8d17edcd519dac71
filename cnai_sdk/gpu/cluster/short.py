"""Why offers fall short of a wish: a sentence around the names of those that do so alike."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cnai_sdk.gpu.wish import Isolation


class Short(msgspec.Struct, frozen=True):
    """One reason.

    Attributes:
        before, after: the sentence, around the names and without its end.
        last: what stands before the last of several names.
        models: whether cards are named, and not the parts of them.
        named: whether there are names in it.
        step: what can be done about it, a sentence.

    >>> Short("That does not fit into ").sentence(["a slice", "a slot", "a turn"])
    'That does not fit into a slice, a slot or a turn.'
    """

    before: str
    after: str = ""
    last: str = "or"
    models: bool = False
    named: bool = True
    step: str = ""

    def sentence(self, names: Iterable[str]) -> str:
        """For a person."""
        *others, last = dict.fromkeys(names)
        words = f"{', '.join(others)} {self.last} {last}" if others else last
        return f"{self.before}{words if self.named else ''}{self.after}."


TOO_SMALL = Short("That does not fit into ")
LESS_COMPUTE = Short("There is too little compute in ")
ONLY_WHOLE = Short("Of ", " only whole GPUs are given", models=True, last="and")
ONLY_PARTS = Short("Of ", " only parts are given", models=True, last="and")
SIZE_UNSEEN = Short("The memory of ", " cannot be seen", models=True)
SIZES_UNSEEN = Short(
    "How large the slices are cannot be seen by you, so that only memory can be asked for",
    named=False,
)
WHETHER_UNSEEN = Short("Whether GPUs are given in parts cannot be seen by you", named=False)
NOT_TOLD_APART = Short("No label tells the nodes with ", " from others with the same key")
MODEL_UNSEEN = Short("The model of ", " cannot be seen by you")
NO_QUEUE = Short("KAI gives parts by its queues", named=False, step="Name a queue with queue=.")
_CARRIED = {
    "scheduler": "name a scheduler",
    "claims": "claim a device",
    "metadata": "label its pods",
    "affinity": "choose among nodes",
}


def not_isolated(isolation: Isolation) -> Short:
    """What isolation was asked for, and is not there."""
    if isolation == "hardware":
        return Short('isolation="hardware" rules out ', ", which software divides")
    return Short(
        'The default, isolation="memory", rules out ', ", where nothing keeps memory apart"
    )


def not_carried(kind: str, missing: Iterable[str]) -> Short:
    """What pods of a kind of job cannot say."""
    words = " or ".join(_CARRIED[each] for each in sorted(missing))
    return Short(f"A {kind} cannot {words}, which is needed for ")


def other_model(wish: str) -> Short:
    """A model was named, and these are others."""
    return Short(f"There is no {wish}, only ", models=True, last="and")


def at_most(count: int) -> Short:
    """No node has as many."""
    return Short(f"No node has more than {count} of ", models=True)


def fraction_at_most(share: float) -> Short:
    """A scheduler books no larger part."""
    return Short(f"KAI gives at most {share:g} of ", models=True)


def over_quota(quota: str, hard: float, key: str) -> Short:
    """What a quota gives in all."""
    return Short(
        f"The quota {quota} gives {hard:g} of {key} in all, which is too little",
        named=False,
        step="Ask whoever runs the cluster for a larger quota.",
    )


def not_in_queue(queue: str, key: str) -> Short:
    """A queue has nothing of a key."""
    return Short(
        f"The queue {queue} has no {key}, which is needed for ",
        step="Name another queue with queue=; cnai.quota() shows them.",
    )


def no_claims(namespace: str) -> Short:
    """What a device is claimed by may not be created."""
    return Short(
        f"You may not create ResourceClaimTemplates in {namespace}, which is needed for ",
        step=f"Ask whoever runs the cluster for the right to create resourceclaimtemplates in "
        f"{namespace}; cnai doctor prints the commands.",
    )
