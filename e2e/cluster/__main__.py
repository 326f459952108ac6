"""`python -m e2e.cluster VERB`: the cluster of the demo and of the end-to-end tests, by hand."""

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Sequence

from rich.markup import escape

from e2e.cluster.errors import ClusterError
from e2e.cluster.machine import cluster
from e2e.cluster.progress import console
from e2e.cluster.protocol import Cluster

EPILOG = """environment:
  MEMORY_CLUSTER    the name of the cluster (demo); several can run side by side
  KUBE_CONTEXT      use this context of your kubeconfig instead (with IMAGE_REPOSITORY, a pushed image)
"""


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; argparse exits with 2 and the usage when it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m e2e.cluster",
        description="A Kubernetes for the demo and the tests: a context you name, kind, or a built-in single node.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    up = verbs.add_parser("up", help="start it, or repair it; safe to repeat")
    up.add_argument("--control-plane-only", action="store_true", help="API server and controllers, no pods (built-in)")
    verbs.add_parser("down", help="remove it and every trace of it")
    verbs.add_parser("status", help="tell what runs; exits with 1 unless it is ready")
    run = verbs.add_parser("exec", help="run a command where services are reachable, kubectl and helm on PATH")
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="-- CMD", help="the command and its arguments")
    verbs.add_parser("kubeconfig", help="print the path of its kubeconfig (use it inside `exec`)")
    verbs.add_parser("images", help="build the images, give them to the node, print their names as JSON")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Run one verb; return the exit code. An error is one message, not a traceback."""
    asked = arguments(sys.argv[1:] if words is None else words)
    try:
        chosen = cluster(control_plane_only=getattr(asked, "control_plane_only", False))
        return _perform(asked, chosen)
    except ClusterError as error:
        console.print(f"[red]error:[/] {escape(str(error))}")
        return 1
    except KeyboardInterrupt:
        console.print("stopped; `up` goes on from here, `down` removes what there is")
        return 130


def _perform(asked: argparse.Namespace, chosen: Cluster) -> int:
    match asked.verb:
        case "up":
            console.print(f"using {chosen.description}")
            chosen.up()
        case "down":
            chosen.down()
        case "status":
            return _show_status(chosen)
        case "exec":
            _replace_process(chosen, asked.command)
        case "kubeconfig":
            print(chosen.kubeconfig)
        case "images":
            print(json.dumps(dataclasses.asdict(chosen.provide_images()), indent=1))
    return 0


def _show_status(chosen: Cluster) -> int:
    status = chosen.status()
    print(f"{chosen.description}: {'ready' if status.ready else 'not ready'}")
    for name, state in status.parts.items():
        print(f"  {name:24} {state}")
    if status.logs:
        print(f"  logs: {status.logs}")
    return 0 if status.ready else 1


def _replace_process(chosen: Cluster, words: list[str]) -> None:
    """Become the command, so that its terminal, signals and exit code are the caller's own."""
    command = chosen.command(words[1:] if words[:1] == ["--"] else words)
    if not words:
        raise ClusterError("exec needs a command: python -m e2e.cluster exec -- kubectl get pods -A")
    os.execvpe(command.words[0], command.words, dict(command.environment))


if __name__ == "__main__":
    sys.exit(main())
