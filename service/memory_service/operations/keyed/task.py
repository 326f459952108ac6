"""What a task of a workflow may say about a keyed memory."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from memory_service.model.values import Role, Strategy
from memory_service.operations.stats import Group
from memory_service.operations.words import Moment, Version
from memory_service.policies.flushing import TARGET

Name = Literal["read", "write", "append", "delete", "clear", "flush", "health", "stats"]
MaxKeys = Annotated[int, Meta(ge=1, le=50_000, description="Most keys that a pattern may match.")]
Pattern = Annotated[
    str, Meta(min_length=1, max_length=255, description="Keys to work on: * is any run, ? one character.")
]
Template = Annotated[str, Meta(min_length=1, max_length=65_536, description="A Go template over `context`.")]
Share = Annotated[float, Meta(ge=0, le=1)]


class Next(msgspec.Struct, frozen=True):
    """Where a workflow goes on."""

    next: Annotated[str, Meta(min_length=1, max_length=255)]


class ReadConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Which messages to read; without `last`, pages from the oldest on."""

    limit: Annotated[int, Meta(ge=1, le=1000, description="Most messages; an answer also ends at 1 MiB.")] = 50
    offset: Annotated[int, Meta(ge=0, le=1_000_000, description="Messages to skip, counted from the oldest.")] = 0
    last: Annotated[int, Meta(ge=1, le=1000, description="The newest N, oldest first.")] | UnsetType = UNSET
    order: Literal["asc", "desc"] = "asc"
    role: Role | UnsetType = UNSET
    since: Moment | UnsetType = UNSET
    until: Moment | UnsetType = UNSET
    include_metadata: Annotated[bool, Meta(description="Whole messages: id, tokens, metadata too.")] = False
    pattern: Pattern | UnsetType = UNSET


class ClearConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How to clear. `confirm` must be true."""

    confirm: bool = False
    backup: Annotated[bool, Meta(description="Keep a copy that POST restore brings back, for 30 days.")] = False
    pattern: Pattern | UnsetType = UNSET


class FlushConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How to flush, for this call."""

    strategy: Annotated[Strategy | UnsetType, Meta(description="The policy's if absent, else simple_fifo.")] = UNSET
    threshold: Annotated[
        Share | UnsetType,
        Meta(description="Share of the limit from which there is something to do; the policy's if absent, else 0.8."),
    ] = UNSET
    target: Annotated[Share, Meta(description="Share of the limit to come down to.")] = TARGET
    force: Annotated[bool, Meta(description="Do it below the threshold too.")] = False
    max_keys: MaxKeys | UnsetType = UNSET
    dry_run: bool | UnsetType = UNSET


class HealthConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What to examine."""

    include_stats: Annotated[bool, Meta(description="Answer counts and usage.")] = True
    check_connectivity: Annotated[bool, Meta(description="Ask both stores now, within two seconds each.")] = False


class StatsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What to count, and whether to show messages."""

    group_by: Annotated[list[Group], Meta(min_length=1, max_length=2)] | Group | UnsetType = UNSET
    include_content: Annotated[bool, Meta(description="Show the newest messages too.")] = False
    limit: Annotated[int, Meta(ge=1, le=1000, description="Most messages shown, 100 by default.")] | UnsetType = UNSET


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One operation on a keyed memory, as a task of a workflow."""

    operation: Name
    id: Annotated[str, Meta(min_length=1, max_length=255, description="The task; repeated in the result.")] | None = (
        None
    )
    type: Literal["memory"] = "memory"
    memory_ref: Annotated[str, Meta(description="The memory's id, which is in the path already.")] | UnsetType = UNSET
    key: Annotated[str, Meta(min_length=1, max_length=255)] | UnsetType = UNSET
    key_template: Template | UnsetType = UNSET
    pattern: Pattern | UnsetType = UNSET
    context: Annotated[dict[str, Any], Meta(description="What templates may look up.")] = {}
    payload: Annotated[Any, Meta(description="A text, a message, or a list of both; templates inside.")] = UNSET
    read_config: ReadConfig | UnsetType = UNSET
    clear_config: ClearConfig | UnsetType = UNSET
    flush_config: FlushConfig | UnsetType = UNSET
    health_config: HealthConfig | UnsetType = UNSET
    stats_config: StatsConfig | UnsetType = UNSET
    confirm: Annotated[bool, Meta(description="Needed where a pattern removes messages.")] | UnsetType = UNSET
    max_keys: MaxKeys | UnsetType = UNSET
    batch_size: Annotated[int, Meta(ge=1, le=10_000, description="Keys of one step of a pattern.")] | UnsetType = UNSET
    expected_version: Version | UnsetType = UNSET
    dry_run: bool | UnsetType = UNSET
    on_success: Next | UnsetType = UNSET
    on_error: Next | UnsetType = UNSET
