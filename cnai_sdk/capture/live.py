"""Objects that live in one process, and cannot travel: known by their type's name.

No library is imported to recognise its types.
"""

from __future__ import annotations

import re
import types
from typing import Any

import msgspec


class Live(msgspec.Struct, frozen=True):
    """What a live object is, and what to do instead.

    Attributes:
        kind: in words, such as 'a lock'.
        fix: what to write instead.
    """

    kind: str
    fix: str


_INSIDE = "make it inside the function, or pass the values that it is made from"
_READ = (
    "open it inside the function; data=[...] gives the workers the file: its path for a job on "
    "this machine, an address such as 'pvc://CLAIM/folder' or 's3://BUCKET/folder' on a cluster"
)
_CONNECT = (
    "connect inside the function, with secrets=[...] for the password; or load the rows first"
)
_ITERATE = "make a list of it first, or make it inside the function"
_ENVIRON = "read os.environ inside the function; env={...} and secrets=[...] set it there"

_KNOWN: tuple[tuple[str, str, str], ...] = (
    (r"_thread\.(lock|RLock)|threading\.\w*Lock", "a lock", _INSIDE),
    (r"threading\.(Thread|Timer|_MainThread)", "a thread", _INSIDE),
    (r"(threading|_thread)\.\w+", "a threading object", _INSIDE),
    (r"_?queue\.\w+|asyncio\.queues\.\w+", "a queue", _INSIDE),
    (r"multiprocessing\.[\w.]+", "a multiprocessing object", _INSIDE),
    (r"concurrent\.futures\.[\w.]+", "an executor or a future", _INSIDE),
    (r"subprocess\.Popen|asyncio\.subprocess\.\w+", "a running process", _INSIDE),
    (r"_?asyncio\.[\w.]+|contextvars\.\w+", "part of an event loop", _INSIDE),
    (r"_io\.(TextIOWrapper|Buffered\w+|FileIO)|tempfile\._?Temp\w+", "an open file", _READ),
    (r"(zipfile|tarfile)(\._?\w+)*\.(ZipFile|TarFile)|gzip\.GzipFile", "an open archive", _READ),
    (r"h5py\.[\w.]+|mmap\.mmap|netCDF4\.[\w.]+", "an open file", _READ),
    (r"_?csv\.(reader|writer)", "a reader or writer of an open file", _READ),
    (r"builtins\.(generator|async_generator)", "a generator", _ITERATE),
    (r"builtins\.coroutine", "a coroutine", _ITERATE),
    (r"builtins\.(map|zip|filter|enumerate|reversed|\w*iterator)", "an iterator", _ITERATE),
    (r"itertools\.\w+", "an iterator", _ITERATE),
    (r"_?socket\.socket|_?ssl\.\w*(SSL|Context)\w*", "a socket", _INSIDE),
    (r"sqlite3\.(Connection|Cursor)|duckdb\.\w*Connection", "a database connection", _CONNECT),
    (r"sqlalchemy\.[\w.]*(Engine|Connection|Session|sessionmaker)", "a database engine", _CONNECT),
    (
        r"(psycopg2?|psycopg2\._psycopg|asyncpg|pymysql|MySQLdb|mysql|cx_Oracle|oracledb|pyodbc"
        r"|pymongo|redis|cassandra|snowflake|clickhouse_\w+)\.[\w.]+",
        "a database connection",
        _CONNECT,
    ),
    (r"requests\.sessions\.Session|urllib3\.[\w.]*(Pool|Manager)\w*", "an HTTP session", _INSIDE),
    (r"httpx\.[\w.]*Client|aiohttp\.[\w.]*Session|http\.client\.\w+", "an HTTP session", _INSIDE),
    (
        r"(boto3|botocore|openai|anthropic|kubernetes|lightkube|google\.cloud|azure|minio|slack_sdk"
        r"|grpc|wandb|mlflow|neptune|comet_ml)\.[\w.]+",
        "an API client",
        _INSIDE,
    ),
    (r"torch\.utils\.tensorboard\.[\w.]+|tensorboardX\.[\w.]+", "a log writer", _INSIDE),
    (r"torch\.utils\.data\.dataloader\._\w*Iter", "an iterator", _ITERATE),
    (
        r"torch\.(cuda|distributed|_C\._distributed_c10d)\.[\w.]*(Stream|Event|Graph|ProcessGroup"
        r"\w*|Store\w*)",
        "part of this process's torch runtime",
        _INSIDE,
    ),
    (
        r"tqdm\.[\w.]+|alive_progress\.[\w.]+|rich\.(progress|live|console)\.\w+",
        "a progress bar",
        "make it inside the function; cnai.progress(done, total) shows in the card",
    ),
    (r"ipywidgets\.[\w.]+", "a widget", "use its value outside, and pass that"),
    (r"(IPython|ipykernel)\.[\w.]*Shell\w*", "the notebook's own shell", _INSIDE),
    (r"os\._Environ", "the environment of this process", _ENVIRON),
    (r"logging(\.handlers)?\.\w*Handler", "a log handler", _INSIDE),
    (
        r"builtins\.(frame|traceback|memoryview|weakref\w*)|weakref\.\w+",
        "a handle into this process's memory",
        _INSIDE,
    ),
    (
        r"cnai_sdk\.(handle|client|training)\.\w+",
        "a handle of the SDK",
        "use it in the notebook; pass the values that the function needs",
    ),
)
_PATTERNS = tuple((re.compile(pattern), Live(kind, fix)) for pattern, kind, fix in _KNOWN)
_seen: dict[type, Live | None] = {}


def live(value: object) -> Live | None:
    """What makes a value unable to travel, or None when nothing is known against it.

    >>> import threading
    >>> live(threading.Lock()).kind
    'a lock'
    >>> live([1, 2]) is None
    True
    """
    kind = type(value)
    if kind not in _seen:
        _seen[kind] = _by_type(kind)
    return _seen[kind] or _on_device(value)


def _by_type(kind: type) -> Live | None:
    for base in kind.__mro__[:-1]:
        if base.__module__ in ("typing", "collections.abc", "enum"):
            continue
        name = f"{base.__module__}.{base.__qualname__}"
        for pattern, found in _PATTERNS:
            if pattern.fullmatch(name):
                return found
    return None


def _on_device(value: Any) -> Live | None:
    """A tensor in the memory of a device that the workers do not share."""
    if isinstance(value, type | types.ModuleType) or not _is_tensor(type(value)):
        return None
    place = str(value.device)
    if place.split(":")[0] in ("cpu", "meta"):
        return None
    return Live(
        f"{'a CUDA tensor' if place.startswith('cuda') else 'a tensor'} on {place}",
        "move it with .cpu() first, and to the worker's device inside the function",
    )


def _is_tensor(kind: type) -> bool:
    return any(b.__name__ == "Tensor" and b.__module__ == "torch" for b in kind.__mro__)
