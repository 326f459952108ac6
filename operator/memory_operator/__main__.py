"""`memory-operator`: the composition root. Reads the settings, wires the parts, runs until a signal."""

import argparse
import asyncio
import logging
import os
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from secrets import token_urlsafe

import aiohttp
from memory_crd.errors import InvalidTenant
from memory_crd.tenant import resolve
from prometheus_client import CollectorRegistry

from memory_operator.api import connect
from memory_operator.cache import Cache
from memory_operator.doubts import Doubts
from memory_operator.errors import SettingsError
from memory_operator.kube import KubeCluster
from memory_operator.metrics import Metrics
from memory_operator.reconcile import Reconciler, Surroundings
from memory_operator.running import Operator, Parts
from memory_operator.service_pods import HttpServicePods
from memory_operator.settings import PARSERS, PREFIX, Settings


def now() -> str:
    """Return the time as status documents write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Return the settings; raise SettingsError also for defaults of which no tenant can be made."""
    settings = Settings.from_env(environ)
    try:
        resolve("any", None, settings.defaults)
    except InvalidTenant as error:
        raise SettingsError(f"{PREFIX}DEFAULTS: {error}") from error
    return settings


async def run(settings: Settings, kubeconfig: str | None, stop: asyncio.Event | None = None) -> None:
    """Run the operator with these settings until `stop` is set or a signal comes."""
    metrics, cache = Metrics(CollectorRegistry()), Cache()
    api = await connect(kubeconfig, metrics)
    # Pods come and go and are asked rarely: their connections are not kept.
    connector = aiohttp.TCPConnector(limit=64, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        cluster, pods = KubeCluster(api, cache, now), HttpServicePods(session, Doubts(time.monotonic))
        around = Surroundings(settings, metrics, now, time.monotonic, lambda: token_urlsafe(32))
        reconciler = Reconciler(cluster, pods, around)
        parts = Parts(settings, api, cache, cluster, pods, metrics, reconciler.reconcile)
        try:
            await Operator(parts).run(stop=stop)
        finally:
            await api.close()


def main() -> None:
    """Entry point of the command."""
    lines = "\n".join(f"  {PREFIX}{name.upper():<24} {takes}" for name, (_, takes) in PARSERS.items())
    parser = argparse.ArgumentParser(
        prog="memory-operator",
        description="Gives every namespace with a Memory its Redis, its Qdrant and its memory service.",
        epilog=f"environment:\n{lines}\n  KUBECONFIG               outside of a cluster: which one to serve",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--verbose", action="store_true", help="log every decision")
    arguments = parser.parse_args()
    logging.basicConfig(
        level=logging.DEBUG if arguments.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    logging.getLogger("kopf").setLevel(logging.INFO if arguments.verbose else logging.WARNING)
    try:
        settings = read_settings(os.environ)
    except SettingsError as error:
        sys.exit(f"memory-operator: {error}")
    in_cluster = "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ
    kubeconfig = None if in_cluster else os.environ.get("KUBECONFIG", os.path.expanduser("~/.kube/config"))
    asyncio.run(run(settings, kubeconfig))


if __name__ == "__main__":
    main()
