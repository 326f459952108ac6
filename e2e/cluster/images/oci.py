"""Write layers and images in the format of the Open Container Initiative (image layout, uncompressed layers)."""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

_LAYER = "application/vnd.oci.image.layer.v1.tar"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Entry:
    """One file of a layer: `content` is its bytes, a file to copy, or (with `link`) nothing. Folders end with '/'."""

    name: str
    content: bytes | Path = b""
    mode: int = 0o644
    link: str = ""


@dataclass(frozen=True)
class Layer:
    """A tar file; uncompressed, so `digest` names both the blob and its content."""

    path: Path
    digest: str
    size: int


@dataclass(frozen=True)
class Settings:
    """How a container of the image starts."""

    entrypoint: tuple[str, ...]
    user: str
    environment: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    directory: str = "/"
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Image:
    """An image as its parts; an archive of it is written where one is wanted."""

    name: str
    settings: Settings
    layers: tuple[Layer, ...]

    @property
    def config(self) -> bytes:
        """The configuration blob; no time in it, so that it depends on the content alone."""
        return _json(configuration(self.settings, self.layers))

    @property
    def manifest(self) -> bytes:
        """The manifest blob: the configuration and the layers, by digest."""
        return _json(manifest_of(self.config, self.layers))

    @property
    def digest(self) -> str:
        """What names the whole content."""
        return f"sha256:{_sha256(self.manifest)}"


def write_layer(entries: Iterable[Entry], path: Path) -> Layer:
    """Write the same bytes for the same entries, whoever builds them and whenever: root's, at the epoch, sorted."""
    partial = path.with_suffix(".partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as tar:
        for entry in sorted(entries, key=lambda entry: entry.name):
            _add(tar, entry)
    with partial.open("rb") as handle:
        _digest_file(path).write_text("sha256:" + hashlib.file_digest(handle, "sha256").hexdigest())
    partial.rename(path)
    return read_layer(path)


def read_layer(path: Path) -> Layer:
    """Describe a layer that was written before (its digest was kept beside it: hashing 500 MB takes a second)."""
    return Layer(path, _digest_file(path).read_text(), path.stat().st_size)


def _digest_file(path: Path) -> Path:
    return path.with_suffix(".digest")


def write_archive(image: Image, out: IO[bytes], without: AbstractSet[str] = frozenset()) -> None:
    """Write an OCI archive to `out`, which need not seek. Layers whose digest is in `without` are left out.

    containerd, podman, kind and Docker (25 and newer) import it; a part can only be left out when the reader has it.
    """
    descriptor = {**_descriptor(_MANIFEST, image.manifest), "annotations": _names(image.name)}
    with tarfile.open(fileobj=out, mode="w|") as tar:
        _add(tar, Entry("oci-layout", _json({"imageLayoutVersion": "1.0.0"})))
        _add(tar, Entry("index.json", _json({"schemaVersion": 2, "mediaType": _INDEX, "manifests": [descriptor]})))
        for blob in (image.config, image.manifest):
            _add(tar, Entry(f"blobs/sha256/{_sha256(blob)}", blob))
        for layer in dict.fromkeys(image.layers):
            if layer.digest not in without:
                _add(tar, Entry(f"blobs/{layer.digest.replace(':', '/')}", layer.path))


def configuration(settings: Settings, layers: tuple[Layer, ...]) -> dict[str, Any]:
    """Return what the configuration blob says."""
    return {
        "architecture": ARCHITECTURES[os.uname().machine],
        "os": "linux",
        "config": {
            "User": settings.user,
            "Env": [f"{name}={value}" for name, value in settings.environment.items()],
            "Entrypoint": list(settings.entrypoint),
            "Cmd": list(settings.command),
            "WorkingDir": settings.directory,
            "Labels": dict(settings.labels),
        },
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
    }


def manifest_of(config: bytes, layers: tuple[Layer, ...]) -> dict[str, Any]:
    """Return what the manifest blob says."""
    blobs = [{"mediaType": _LAYER, "digest": layer.digest, "size": layer.size} for layer in layers]
    return {"schemaVersion": 2, "mediaType": _MANIFEST, "config": _descriptor(_CONFIG, config), "layers": blobs}


def _add(tar: tarfile.TarFile, entry: Entry) -> None:
    info = tarfile.TarInfo(entry.name.rstrip("/"))
    info.mode = entry.mode
    if entry.link:
        info.type, info.linkname = tarfile.SYMTYPE, entry.link
        tar.addfile(info)
    elif entry.name.endswith("/"):
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
    elif isinstance(entry.content, Path):
        with entry.content.open("rb") as handle:
            info.size = os.fstat(handle.fileno()).st_size
            tar.addfile(info, handle)
    else:
        info.size = len(entry.content)
        tar.addfile(info, io.BytesIO(entry.content))


def _names(name: str) -> dict[str, str]:
    return {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.rpartition(":")[2]}


def _descriptor(kind: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": f"sha256:{_sha256(blob)}", "size": len(blob)}


def _sha256(blob: bytes) -> str:
    return hashlib.sha256(blob).hexdigest()


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
