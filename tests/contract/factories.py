"""The backends that the suite runs on: a new one is a module with a factory, and a name here."""

from __future__ import annotations

from .harness import Factory
from .on_kubernetes import PYTORCHJOB, TRAINJOB
from .on_local import LOCAL
from .on_memory import EVERY_KIND, ONLY_TRAINING

FACTORIES: list[Factory] = [EVERY_KIND, ONLY_TRAINING, LOCAL, PYTORCHJOB, TRAINJOB]
