"""Every route of the API, a row each. A new operation is a row here and a handler."""

from __future__ import annotations

from typing import Final

from memory_service.operations.actions import (
    ClearConversation,
    CreateConversation,
    DeleteConversation,
    ReadHistory,
    StoreMessage,
)
from memory_service.operations.keyed.task import Task
from memory_service.operations.lines import LINES
from memory_service.web import requests, results
from memory_service.web.handlers import (
    actions,
    flush,
    memories,
    messages,
    operations,
    owners,
    recall,
    threads,
    transfer,
    upkeep,
    working_memory,
)
from memory_service.web.route import Body, Route

M: Final = "/memories/{memory}"
T: Final = f"{M}/threads/{{thread}}"
O: Final = f"{M}/owners/{{owner}}"  # noqa: E741

_MESSAGES: Final = Body(messages.SHAPES, messages.shape)
_ACTIONS: Final = Body(
    (CreateConversation, StoreMessage, ReadHistory, ClearConversation, DeleteConversation), actions.shape
)
_STORE: Final = ("invalid_ttl", "message_too_large", "system_cap", "quota_exceeded")
_RECALL: Final = ("vector_unavailable", "embedder_unavailable", "timeout")
_DOCUMENT: Final = ("working_memory_disabled", "wrong_scope")

# fmt: off
ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/memories", "list_memories", "Declared memories", memories.listed, results.MemoriesPage,
          query=requests.PageQuery, codes=("invalid_cursor",)),
    Route("GET", M, "get_memory", "A declared memory", memories.one, results.MemoryAnswer),
    Route("GET", f"{M}/health", "health", "How every part of a memory is", memories.health, results.HealthAnswer),
    Route("GET", f"{M}/stats", "stats", "A memory in numbers", memories.stats, results.StatsAnswer,
          query=requests.StatsQuery, codes=("invalid_cursor",)),
    Route("GET", f"{M}/threads", "list_threads", "Threads of a memory", threads.listed, results.ThreadsPage,
          query=requests.ThreadsQuery, codes=("invalid_owner", "invalid_cursor", "gone")),
    Route("PUT", T, "put_thread", "Replace a thread's settings", threads.put, results.Configured,
          query=requests.DryRunQuery, body=Body((requests.ThreadSettings,)), guarded=True, codes=("invalid_ttl",
          "invalid_owner", "settings_conflict", "message_too_large", "quota_exceeded")),
    Route("PATCH", T, "patch_thread", "Merge a thread's settings", threads.patch, results.Configured,
          query=requests.DryRunQuery, body=Body((requests.ThreadSettings,)), guarded=True, codes=("invalid_ttl",
          "invalid_owner", "settings_conflict", "message_too_large", "quota_exceeded")),
    Route("GET", T, "get_thread", "A thread's facts", threads.facts, results.ThreadFacts),
    Route("DELETE", T, "delete_thread", "Delete a thread with all it has", threads.delete, results.Deleted,
          query=requests.DryRunQuery, guarded=True),
    Route("GET", f"{T}/messages", "read", "Messages of a thread", messages.read, results.MessagesPage,
          query=requests.MessagesQuery, codes=("invalid_cursor", "gone")),
    Route("POST", f"{T}/messages", "append", "Append messages", messages.append, results.Appended,
          query=requests.DryRunQuery, body=_MESSAGES, guarded=True, codes=(*_STORE, "thread_full", "token_limit")),
    Route("PUT", f"{T}/messages", "write", "Replace all messages", messages.write, results.Written,
          query=requests.DryRunQuery, body=_MESSAGES, guarded=True, codes=(*_STORE, "thread_full", "token_limit")),
    Route("DELETE", f"{T}/messages", "clear", "Remove all messages; the thread stays", messages.clear,
          results.Cleared, query=requests.ClearQuery, guarded=True),
    Route("POST", f"{T}/restore", "restore", "Bring a clear's backup back", messages.restore, results.Restored,
          query=requests.DryRunQuery, body=Body((requests.RestoreRequest,)), guarded=True, codes=("backup_not_found",
          "not_empty", "thread_full", "token_limit", "quota_exceeded")),
    Route("GET", f"{T}/messages/{{id}}", "get_message", "One message", messages.get_one, results.Message,
          codes=("message_not_found",)),
    Route("DELETE", f"{T}/messages/{{id}}", "delete_message", "Delete one message", messages.delete_one,
          results.Deleted, query=requests.DryRunQuery, guarded=True, codes=("message_not_found",)),
    Route("POST", f"{T}/messages/{{id}}/ttl", "message_ttl", "Change one message's expiry", messages.expire_one,
          results.Expires, query=requests.DryRunQuery, body=Body((requests.MessageTtlChange,)), guarded=True,
          codes=("invalid_ttl", "message_not_found")),
    Route("POST", f"{T}/ttl", "ttl", "Change a thread's expiry, or pin it", threads.expire, results.Expires,
          query=requests.DryRunQuery, body=Body((requests.TtlChange,)), guarded=True, codes=("invalid_ttl",
          "thread_not_found")),
    Route("POST", f"{T}/flush", "flush", "Take the least needed messages away", flush.flush, results.FlushAnswer,
          query=requests.DryRunQuery, body=Body((requests.FlushRequest,)), guarded=True, codes=("busy", "system_cap",
          "message_too_large")),
    Route("GET", f"{T}/context", "context", "What a prompt needs, in one round trip", recall.get_context,
          results.ContextAnswer, query=requests.ContextQuery, searches=True, codes=(*_RECALL, "invalid_query")),
    Route("POST", f"{T}/context", "context", "What a prompt needs, for long queries", recall.post_context,
          results.ContextAnswer, body=Body((requests.ContextBody,)), searches=True, codes=(*_RECALL, "invalid_query")),
    Route("GET", f"{T}/working-memory", "get_working_memory", "A thread's working memory", working_memory.read,
          results.WorkingMemoryAnswer, codes=_DOCUMENT),
    Route("PUT", f"{T}/working-memory", "put_working_memory", "Replace it", working_memory.replace,
          results.WorkingMemoryAnswer, query=requests.DryRunQuery, body=Body((requests.WorkingMemoryBody,)),
          guarded=True, codes=(*_DOCUMENT, "message_too_large", "quota_exceeded")),
    Route("PATCH", f"{T}/working-memory", "patch_working_memory", "Merge into it", working_memory.merge,
          results.WorkingMemoryAnswer, query=requests.DryRunQuery, body=Body((requests.WorkingMemoryBody,)),
          guarded=True, codes=(*_DOCUMENT, "not_mergeable", "message_too_large", "quota_exceeded")),
    Route("DELETE", f"{T}/working-memory", "delete_working_memory", "Remove it", working_memory.delete,
          results.WorkingMemoryDeleted, query=requests.DryRunQuery, guarded=True, codes=_DOCUMENT),
    Route("GET", f"{O}/working-memory", "get_working_memory", "An owner's working memory", working_memory.read,
          results.WorkingMemoryAnswer, codes=_DOCUMENT),
    Route("PUT", f"{O}/working-memory", "put_working_memory", "Replace it", working_memory.replace,
          results.WorkingMemoryAnswer, query=requests.DryRunQuery, body=Body((requests.WorkingMemoryBody,)),
          guarded=True, codes=(*_DOCUMENT, "message_too_large", "quota_exceeded")),
    Route("PATCH", f"{O}/working-memory", "patch_working_memory", "Merge into it", working_memory.merge,
          results.WorkingMemoryAnswer, query=requests.DryRunQuery, body=Body((requests.WorkingMemoryBody,)),
          guarded=True, codes=(*_DOCUMENT, "not_mergeable", "message_too_large", "quota_exceeded")),
    Route("DELETE", f"{O}/working-memory", "delete_working_memory", "Remove it", working_memory.delete,
          results.WorkingMemoryDeleted, query=requests.DryRunQuery, guarded=True, codes=_DOCUMENT),
    Route("POST", f"{M}/recall", "recall", "Messages that answer a question", recall.recall, results.RecallResult,
          body=Body((requests.RecallBody,)), searches=True, codes=(*_RECALL, "invalid_query", "invalid_filter",
          "invalid_thread", "invalid_owner", "recall_disabled")),
    Route("POST", f"{M}/messages", "bulk_append", "Append to many threads", messages.bulk, results.BulkAnswer,
          body=Body((requests.Bulk,)), keyed=True, codes=("invalid_thread", "invalid_ttl", "message_too_large")),
    Route("POST", f"{M}/operations", "operations", "The eight operations of keyed memories, one or a list",
          operations.run, results.OperationAnswer, body=operations.Tasks((Task, operations.List)), keyed=True,
          codes=(*_STORE, "invalid_template", "invalid_thread", "thread_full", "token_limit", "version_mismatch",
          "confirm_required")),
    Route("POST", f"{M}/actions", "actions", "The five conversation operations of flow engines", actions.run,
          results.ActionAnswer, body=_ACTIONS, keyed=True, codes=(*_STORE, "invalid_template", "invalid_thread",
          "settings_conflict", "thread_full", "token_limit", "version_mismatch", "gone")),
    Route("GET", f"{M}/owners", "list_owners", "Whom threads and documents belong to", owners.listed,
          results.OwnersPage, query=requests.PageQuery, codes=("invalid_cursor",)),
    Route("GET", f"{O}/threads", "list_owner_threads", "An owner's threads", owners.threads, results.ThreadsPage,
          query=requests.OwnerThreadsQuery, codes=("invalid_cursor",)),
    Route("DELETE", O, "erase_owner", "Erase an owner everywhere, with a receipt", owners.erase,
          results.ErasureReceipt, query=requests.DryRunQuery, keyed=True),
    Route("POST", f"{M}/export", "export", "Threads and documents as lines of JSON, streamed", transfer.export,
          tuple(LINES.values()), body=Body((requests.ExportRequest,), optional=True), codes=("busy", "invalid_owner")),
    Route("POST", f"{M}/import", "import", "Bring the lines of an export in, thread by thread", transfer.import_,
          results.Imported, query=requests.ImportQuery, lines=tuple(LINES.values()), keyed=True,
          codes=("invalid_import", "invalid_message", *_STORE, *_DOCUMENT, "not_empty", "thread_full", "token_limit",
          "unsupported_media_type", "timeout")),
    Route("GET", f"{M}/outbox/dead", "list_dead_letters", "Messages that could not be indexed", upkeep.dead,
          results.DeadLettersPage, query=requests.PageQuery, codes=("invalid_cursor",)),
    Route("POST", f"{M}/outbox/dead/replay", "replay_dead_letters", "Try to index them again", upkeep.replay,
          results.Replayed, body=Body((requests.ReplayRequest,), optional=True), keyed=True, codes=("recall_disabled",
          "storage_full")),
    Route("POST", f"{M}/audit", "audit", "Compare history with vectors now, and repair", upkeep.audit,
          results.AuditAnswer, keyed=True, codes=("recall_disabled", "vector_unavailable",
          "embedder_unavailable", "timeout")),
)
# fmt: on
