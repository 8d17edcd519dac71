"""What tests do to nodes: HTTP on a Unix socket in the run folder."""

from pathlib import Path
from typing import Any

from aiohttp import web

from tests.cluster.testnode.informer import Informer
from tests.cluster.testnode.node import Node


class Control:
    """The control socket of one process."""

    def __init__(self, nodes: dict[str, Node], pods: Informer, path: Path) -> None:
        self._nodes, self._pods, self._path = nodes, pods, path
        app = web.Application()
        app.add_routes(
            [
                web.post("/evict", self._evict),
                web.post("/nodes/{name}/lose", self._lose),
                web.post("/nodes/{name}/return", self._return),
                web.post("/nodes/{name}/condition", self._condition),
                web.post("/nodes/{name}/disk", self._disk),
                web.get("/pods", self._list),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)

    async def start(self) -> None:
        self._path.unlink(missing_ok=True)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self._path)).start()

    async def stop(self) -> None:
        await self._runner.cleanup()
        self._path.unlink(missing_ok=True)

    def _node(self, request: web.Request) -> Node:
        name = request.match_info["name"]
        if name not in self._nodes:
            raise web.HTTPNotFound(text=f"no node {name} here: {', '.join(self._nodes)}")
        return self._nodes[name]

    async def _evict(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        for node in self._nodes.values():
            for pod in node.pods.values():
                if (pod.namespace, pod.name) == (wanted["namespace"], wanted["pod"]):
                    resource = wanted.get("resource", "memory")
                    await node.evict(pod, resource, wanted.get("message", ""))
                    return web.json_response({})
        raise web.HTTPNotFound(text=f"no pod {wanted['pod']} runs here")

    async def _lose(self, request: web.Request) -> web.Response:
        await self._node(request).lose()
        return web.json_response({})

    async def _return(self, request: web.Request) -> web.Response:
        node = self._node(request)
        there = {
            uid: pod
            for uid, pod in self._pods.objects.items()
            if pod["spec"].get("nodeName") == node.name
        }
        await node.back(there)
        return web.json_response({})

    async def _condition(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        await self._node(request).condition(
            wanted["type"], wanted["status"], wanted.get("reason", ""), wanted.get("message", "")
        )
        return web.json_response({})

    async def _disk(self, request: web.Request) -> web.Response:
        node = self._node(request)
        node.shared.disks[node.name] = (await request.json())["left"]
        return web.json_response({})

    async def _list(self, _: web.Request) -> web.Response:
        found: list[dict[str, Any]] = [
            {
                "uid": pod.uid,
                "namespace": pod.namespace,
                "name": pod.name,
                "node": node.name,
                "address": pod.address,
                "pids": {k.name: k.process.pid for k in pod.keepers if k.process is not None},
            }
            for node in self._nodes.values()
            for pod in node.pods.values()
        ]
        return web.json_response(found)
