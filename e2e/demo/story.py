"""What a user of the platform does, step by step, and what comes back: helm, kubectl, HTTP, Prometheus."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from e2e.cluster.errors import ClusterError
from e2e.cluster.paths import REPOSITORY
from e2e.demo import board_check, conversation, figures, prometheus
from e2e.demo.narrator import Detail, Narrator
from e2e.demo.service import Service, opened
from e2e.kube import KubectlError, kubectl
from e2e.stage import PLATFORM, install_command

TENANT: Final = "support"
MEMORY: Final = "support-agent"
EXAMPLE: Final = Path("examples/support-agent.yaml")
READY_SECONDS: Final = 180


@dataclass(frozen=True)
class Story:
    """One telling. `images` are chart settings (`image.tag=...`) that name what was loaded."""

    narrator: Narrator
    state: Path
    images: tuple[str, ...]

    def tell(self) -> None:
        """Every step inside the cluster, in order. ClusterError or KubectlError where the story breaks off."""
        self._install()
        self._watch()
        self._declare()
        with opened(TENANT, MEMORY) as service:
            self._converse(service)
            self._recall(service)
            self._expire(service)
        self._look_around()
        self._repair()
        with opened(TENANT, MEMORY) as service:
            self._measure(service)

    # --- the platform team ----------------------------------------------------------------------------------------

    def _install(self) -> None:
        with self.narrator.step("Install the operator with Helm", "Once per cluster, by the platform team.") as detail:
            self.narrator.command(install_command(()))
            self._run(install_command(self.images, "--timeout", "180s"), detail, self._pods(PLATFORM))
            self._quote_command("kubectl", "get", "deployment", "-n", PLATFORM)

    def _watch(self) -> None:
        why = "Debian's, scraping the operator and every tenant's service and worker each second."
        with self.narrator.step("Start a real Prometheus", why) as detail:
            detail("starting")
            found = prometheus.start(self.state, os.environ)
            self.narrator.say(f"It answers at {found.url} inside the cluster's network.")

    # --- the tenant's team ----------------------------------------------------------------------------------------

    def _declare(self) -> None:
        why = "A namespace that declares a Memory gets its own Redis, Qdrant and memory service."
        with self.narrator.step("kubectl apply, and a tenant has a memory", why) as detail:
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TENANT, "labels": RESTRICTED}}
            kubectl("apply", "-f", "-", text=json.dumps(namespace))
            self._quote_command("kubectl", "apply", "-n", TENANT, "-f", EXAMPLE)
            began = time.monotonic()
            wait = ["kubectl", "wait", "-n", TENANT, f"memory/{MEMORY}", "--for=condition=Ready"]
            self.narrator.command(wait)
            self._run([*wait, f"--timeout={READY_SECONDS}s"], detail, self._conditions)
            self.narrator.say(f"Ready after [bold]{time.monotonic() - began:.1f} s[/].")
            for workload in ("deployment/memory", "statefulset/memory-redis", "statefulset/memory-qdrant"):
                # An earlier demo's may still be on its way to the images of this one.
                rollout = ["kubectl", "rollout", "status", "-n", TENANT, workload, f"--timeout={READY_SECONDS}s"]
                self._run(rollout, detail, self._pods(TENANT))
            self._run([*wait, f"--timeout={READY_SECONDS}s"], detail, self._conditions)
            self._quote_command("kubectl", "get", "mem,pods,pvc", "-n", TENANT)

    def _converse(self, service: Service) -> None:
        why = "The customer-support chat of a flow engine's documentation, with that engine's five operations."
        with self.narrator.step("Store a conversation", why):
            talk = conversation.CHAT
            slot = {"conversationId": "{sessionId}", "variables": conversation.VARIABLES}
            service.act("DELETE_CONVERSATION", **slot)
            service.act("CREATE_CONVERSATION", **slot, conversationType="CHAT", maxMessages=20)
            for role, content in talk:
                told = service.act("STORE_MESSAGE", **slot, role=role, content=content)
            self.narrator.say(f"POST /v1/memories/{MEMORY}/actions  STORE_MESSAGE x {len(talk)} -> {json.dumps(told)}")
            for thread, messages in conversation.EARLIER.items():
                service.call("DELETE", f"/threads/{thread}")
                service.append(thread, *messages)
            history = service.act("READ_HISTORY", **slot, limit=20)["memoryHistory"]
            if [(each["role"], each["content"]) for each in history] != list(talk):
                raise ClusterError(f"the history is not what was stored: {history}")
            rows = [(each["role"], each["content"]) for each in history]
            self.narrator.table(f"READ_HISTORY of {conversation.SESSION}", ("role", "content"), rows)

    def _recall(self, service: Service) -> None:
        why = "Asked from another session, with other words; the answer waits until all that was written is indexed."
        with self.narrator.step("Recall by meaning", why):
            question = {
                "query": conversation.QUESTION,
                "thread": conversation.NEXT_SESSION,
                "scope": "memory",
                "consistency": "strong",
                "max_results": 3,
                "timeout": "30s",
            }
            began = time.monotonic()
            answer = service.call("POST", "/recall", question)
            took = (time.monotonic() - began) * 1000
            self.narrator.say(f"[bold]?[/] {conversation.QUESTION}")
            if not answer["hits"] or answer["hits"][0]["message"]["content"] != conversation.ANSWER:
                raise ClusterError(f"recall did not find the answer first: {json.dumps(answer, indent=1)}")
            rows = [
                (f"{hit['score']:.3f}", f"{hit.get('similarity') or 0:.3f}", hit["thread"], hit["message"]["content"])
                for hit in answer["hits"]
            ]
            self.narrator.table(f"{took:.0f} ms, port-forward included", ("score", "cosine", "thread", "message"), rows)

    def _expire(self, service: Service) -> None:
        why = "A thread's TTL is kept by the same script as its data; from that instant nobody reads it."
        with self.narrator.step("Let things expire", why) as detail:
            service.call("DELETE", f"/threads/{conversation.WINDOW}")
            service.call("PUT", f"/threads/{conversation.GUEST}", {"ttl": "50m"})
            service.append(conversation.GUEST, ("user", "Just looking, thank you"))
            service.call("PUT", f"/threads/{conversation.WINDOW}", {"max_messages": 3})
            service.append(conversation.WINDOW, *(("user", f"Goal number {number}") for number in range(1, 6)))
            service.call("PUT", f"/threads/{conversation.FLEETING}", {"ttl": "2s"})
            service.append(conversation.FLEETING, ("assistant", "Your one-time code is 775533"))
            facts = service.call("GET", f"/threads/{conversation.FLEETING}")
            self.narrator.say(f"GET /threads/{conversation.FLEETING} -> expires_at {facts['expires_at']}")
            detail("waiting until it is over")
            deadline = time.monotonic() + 10
            while service.call("GET", f"/threads/{conversation.FLEETING}")["exists"]:
                if time.monotonic() > deadline:
                    raise ClusterError(
                        f"{conversation.FLEETING} still exists 10 s after it was written with a TTL of 2 s"
                    )
                time.sleep(0.2)
            self.narrator.say(f"GET /threads/{conversation.FLEETING} -> exists: false")

    def _look_around(self) -> None:
        with self.narrator.step("What kubectl shows"):
            self._quote_command("kubectl", "get", "mem", "--all-namespaces")
            self._quote_command("kubectl", "get", "secret", "memory-connection", "-n", TENANT)

    def _repair(self) -> None:
        why = "The operator watches what it made; a steady state writes nothing, a change is put right at once."
        with self.narrator.step("Somebody deletes a part", why) as detail:
            part = ["networkpolicy/memory-redis", "-n", TENANT]
            self._quote_command("kubectl", "delete", *part)
            began = time.monotonic()
            while not kubectl("get", *part, "--ignore-not-found", "-o", "name"):
                detail("waiting for the operator")
                if time.monotonic() - began > 30:
                    raise ClusterError("the operator has not put the deleted NetworkPolicy back within 30 s")
                time.sleep(0.1)
            self.narrator.say(f"It is back after [bold]{time.monotonic() - began:.1f} s[/].")

    def _measure(self, service: Service) -> None:
        why = "Health and time-to-live of every memory, as alerts and boards see them."
        with self.narrator.step("What Prometheus knows", why) as detail:
            found = prometheus.running(self.state)
            deadline = time.monotonic() + 60
            while missing := [*figures.missing(found), *board_check.silent(found)]:
                detail(f"a little traffic, until Prometheus has seen {missing[0].split(':')[0]}")
                if time.monotonic() > deadline:
                    raise ClusterError(f"Prometheus lacks {'; '.join(missing)}; targets down: {found.down()}")
                self._use(service)
            self.narrator.table("From Prometheus", ("what", "memory", "value"), figures.rows(found))
            self.narrator.say(f"Every one of the {board_check.count()} queries of the Grafana board returns data.")

    def _use(self, service: Service) -> None:
        """A second of what an application does."""
        service.append(conversation.GUEST, ("user", "Still looking around"))
        service.call("GET", f"/threads/{conversation.SESSION}/messages", last=20)
        service.call("POST", "/recall", {"query": conversation.QUESTION, "scope": "memory"})
        time.sleep(1)

    # --- running commands -----------------------------------------------------------------------------------------

    def _quote_command(self, *words: object) -> None:
        """Run a short command and show it with its answer."""
        self.narrator.command(words)
        self.narrator.quote(kubectl(*(str(word) for word in words[1:])))

    def _run(self, words: Sequence[object], detail: Detail, progress: Callable[[], str]) -> None:
        """Run a long command, showing meanwhile what `progress` sees. ClusterError with the command's own complaint."""
        process = subprocess.Popen(
            [str(word) for word in words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY
        )
        while process.poll() is None:
            detail(progress())
            time.sleep(0.3)
        _, complaint = process.communicate()
        if process.returncode:
            raise ClusterError(f"{words[0]} failed: {complaint.strip()}\nlast seen: {progress()}")

    def _pods(self, namespace: str) -> Callable[[], str]:
        """A function that says how far the pods of a namespace are."""

        def look() -> str:
            try:
                lines = kubectl("get", "pods", "-n", namespace, "--no-headers").splitlines()
            except KubectlError:
                return "waiting"
            return ", ".join(" ".join(line.split()[:3]) for line in lines) or "waiting for pods"

        return look

    def _conditions(self) -> str:
        """The conditions of the Memory that are not fulfilled yet, in the operator's words."""
        try:
            found = json.loads(kubectl("get", "mem", MEMORY, "-n", TENANT, "-o", "json"))
        except KubectlError:
            return "waiting"
        conditions = found.get("status", {}).get("conditions", [])
        waiting = [f"{one['type']}: {one['message']}" for one in conditions if is_waiting(one)]
        return "; ".join(waiting)[:160] or "waiting for the operator"


def is_waiting(condition: dict[str, str]) -> bool:
    """True for a part of a Memory that is not ready yet."""
    return condition["type"].endswith("Ready") and condition["type"] != "Ready" and condition["status"] != "True"


RESTRICTED: Final = {"pod-security.kubernetes.io/enforce": "restricted"}
