"""The whole process: what is started, in which order, and taken down again."""

import asyncio
import logging
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from tests.cluster.testnode import dns
from tests.cluster.testnode.client import Client, Object
from tests.cluster.testnode.config import Config, credentials
from tests.cluster.testnode.control import Control
from tests.cluster.testnode.endpoint import Endpoint, certificate
from tests.cluster.testnode.events import Recorder
from tests.cluster.testnode.images import Images
from tests.cluster.testnode.informer import Informer
from tests.cluster.testnode.memory import Memory
from tests.cluster.testnode.network import Network, unmount_below
from tests.cluster.testnode.node import Node
from tests.cluster.testnode.sandbox import Machine
from tests.cluster.testnode.shared import Shared
from tests.cluster.testnode.storage import Provisioner

log = logging.getLogger(__name__)
NSLOOKUP = '#!/bin/sh\nexec getent hosts "$1"\n'  # what alpine has and this machine may not


def _commands(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    shim = folder / "nslookup"
    shim.write_text(NSLOOKUP)
    shim.chmod(0o755)
    return folder


def _shared(config: Config, client: Client) -> Shared:
    return Shared(
        config=config,
        client=client,
        recorder=Recorder(client),
        network=Network(config),
        images=Images(config),
        machine=Machine(config, _commands(config.run / "bin")),
        memory=Memory(),
        services=Informer(client, "/api/v1/services"),
        secrets=Informer(client, "/api/v1/secrets"),
        configmaps=Informer(client, "/api/v1/configmaps"),
        claims=Informer(client, "/api/v1/persistentvolumeclaims"),
    )


async def run(config: Config) -> None:
    """Until SIGTERM or SIGINT."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    config.run.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client(config.server, credentials(config)))
        shared = _shared(config, client)
        unmount_below(config.run)
        await shared.network.clean()
        over = asyncio.ensure_future(ended.wait())
        starting = asyncio.ensure_future(_start(stack, shared))
        # Without an API server a start never comes to its end.
        await asyncio.wait((over, starting), return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            nodes = starting.result()
            print("ready", flush=True)
            await over
            await asyncio.gather(*(node.stop() for node in nodes))
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        over.cancel()
    unmount_below(config.run)
    await shared.network.clean()


async def _start(stack: AsyncExitStack, shared: Shared) -> list[Node]:
    config, client = shared.config, shared.client
    slices = Informer(client, "/apis/discovery.k8s.io/v1/endpointslices")
    pods = Informer(client, "/api/v1/pods", fieldSelector="spec.nodeName!=")
    informers = (shared.services, shared.secrets, shared.configmaps, shared.claims, slices)
    for informer in informers:
        _keep(stack, informer.run())
    _keep(stack, shared.recorder.run())
    _keep(stack, shared.memory.run())
    await asyncio.gather(*(informer.synced() for informer in informers))
    provisioner = Provisioner(client, shared.claims, config.run / "claims", config.storage_class)
    await provisioner.start()
    _keep(stack, provisioner.run())
    host = config.server.rpartition("//")[2].partition(":")[0]
    resolver = await dns.serve(dns.Resolver(slices, shared.services, host), config.gateway)
    stack.callback(resolver.close)
    context = certificate(config.run, "testnode")
    nodes = {one.name: Node(shared, one) for one in config.nodes}
    for node in nodes.values():
        endpoint = Endpoint(node, context)
        await endpoint.start()
        stack.push_async_callback(endpoint.stop)
        await node.register()
        _keep(stack, node.beat())
    control = Control(nodes, pods, config.run / "control.sock")
    await control.start()
    stack.push_async_callback(control.stop)

    def seen(verb: str, pod: Object) -> None:
        if node := nodes.get(pod["spec"].get("nodeName", "")):
            node.seen(verb, pod)

    pods.listen(seen)
    _keep(stack, pods.run())
    await pods.synced()
    return list(nodes.values())


def _keep(stack: AsyncExitStack, work: object) -> None:
    """A task as long as the process; that it ends is a mistake of ours, and said."""
    task = asyncio.ensure_future(work)  # type: ignore[call-overload]

    def done(ended: asyncio.Task[None]) -> None:
        if not ended.cancelled() and (error := ended.exception()):
            log.critical("a part of the test node ended: %r", error, exc_info=error)
            signal.raise_signal(signal.SIGTERM)

    task.add_done_callback(done)
    stack.callback(task.cancel)


def child_watcher() -> None:
    """Before Python 3.12 asyncio takes a thread for each child; descriptors do as well."""
    if sys.version_info < (3, 12):
        asyncio.get_event_loop_policy().set_child_watcher(asyncio.PidfdChildWatcher())
