"""Layers and images: the same content has the same bytes, and an archive holds what its names say."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

from e2e.cluster.images.oci import Entry, Image, Settings, write_archive, write_layer

ENTRIES = [Entry("etc/", mode=0o755), Entry("etc/name", b"memory"), Entry("bin/sh", mode=0o777, link="dash")]


def image(folder: Path) -> Image:
    layer = write_layer(ENTRIES, folder / "one.tar")
    return Image("localhost/thing:1", Settings(("/bin/sh",), "65532:65532", {"A": "b"}), (layer,))


def blobs(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        files = {member.name: tar.extractfile(member) for member in tar}
        return {name: content.read() for name, content in files.items() if content}


def written(image: Image, without: frozenset[str] = frozenset()) -> dict[str, bytes]:
    out = io.BytesIO()
    write_archive(image, out, without)
    return blobs(out.getvalue())


def test_the_same_files_are_the_same_layer_in_any_order(tmp_path: Path) -> None:
    one = write_layer(ENTRIES, tmp_path / "one.tar")
    other = write_layer(reversed(ENTRIES), tmp_path / "other.tar")

    assert one.digest == other.digest


def test_files_belong_to_root_and_have_no_time(tmp_path: Path) -> None:
    write_layer(ENTRIES, tmp_path / "one.tar")

    with tarfile.open(tmp_path / "one.tar") as tar:
        assert {(member.uid, member.gid, member.mtime) for member in tar} == {(0, 0, 0)}
        assert tar.getmember("bin/sh").linkname == "dash"


def test_an_archive_names_the_image_and_holds_every_blob_by_its_digest(tmp_path: Path) -> None:
    thing = image(tmp_path)
    files = written(thing)
    descriptor = json.loads(files["index.json"])["manifests"][0]

    assert descriptor["annotations"]["io.containerd.image.name"] == "localhost/thing:1"
    assert descriptor["digest"] == thing.digest
    for name, content in files.items():
        if name.startswith("blobs/"):
            assert name.rpartition("/")[2] == hashlib.sha256(content).hexdigest()


def test_a_layer_that_the_reader_has_is_left_out(tmp_path: Path) -> None:
    thing = image(tmp_path)
    left = written(thing, frozenset({thing.layers[0].digest}))

    assert set(written(thing)) - set(left) == {"blobs/sha256/" + thing.layers[0].digest.removeprefix("sha256:")}


def test_another_setting_is_another_image(tmp_path: Path) -> None:
    thing = image(tmp_path)

    assert thing.digest != Image(thing.name, Settings(("/bin/sh",), "0:0"), thing.layers).digest
