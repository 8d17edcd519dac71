"""The share of a GPU that torch keeps to, also where torch does not read of it.

It is said in a variable that torch reads when CUDA is first used. Since 2.10 torch knows the key; a
version before refuses to allocate anything when it meets it, and is told in another way.
"""

import os
import re
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

VARIABLE = "PYTORCH_CUDA_ALLOC_CONF"
KEY = "per_process_memory_fraction:"
_READ_SINCE = (2, 10)


def keeper() -> Callable[[ModuleType], None]:
    """What has to be done with torch once it is loaded, before the program gets it."""
    settings = os.environ.get(VARIABLE, "").split(",")
    shares = [each.partition(":")[2] for each in settings if each.startswith(KEY)]
    if not shares or _reads():
        return _nothing
    os.environ[VARIABLE] = ",".join(each for each in settings if not each.startswith(KEY))
    if not os.environ[VARIABLE]:
        del os.environ[VARIABLE]
    share = float(shares[-1])

    def keep(torch: ModuleType) -> None:
        # Not at once: that would start CUDA, in programs too that never use it.
        torch.cuda._lazy_call(lambda: torch.cuda.set_per_process_memory_fraction(share))

    return keep


def _nothing(torch: ModuleType) -> None:
    pass


def _reads() -> bool:
    """Whether the torch of this process reads the variable's key; True where there is none."""
    loaded = sys.modules.get("torch")
    try:
        text = str(loaded.__version__) if loaded is not None else version("torch")
    except PackageNotFoundError:
        return True
    numbers = re.match(r"(\d+)\.(\d+)", text)
    return numbers is None or (int(numbers[1]), int(numbers[2])) >= _READ_SINCE
