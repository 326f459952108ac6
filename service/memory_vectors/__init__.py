"""Collections and points behind the part of Qdrant's REST API that the memory service uses.

The engine is `qdrant-edge-py`, Qdrant's own engine as a library; this package adds what a server needs around it:
collections, aliases, keys, validation, crash safety and upkeep. It is not Qdrant and says so in its version.
It knows nothing of memories and imports nothing else of this distribution.

Floors, each looking only downwards:

    __main__            the process: settings, socket, signals
    web                 ASGI in, bytes out; the only place that knows HTTP
    routes              method and path -> call
    api                 one function a call: body in, result out
    upkeep  catalog     when to flush and compact | the folders, the aliases, their crash safety
    collection          one collection: checked operations on one shard
    compaction          a rebuild in small steps, without the deleted points
    shard               the engine, with its panics turned into errors
    requests            bodies -> engine requests, all checks included (pure)
    wire  schema        the shapes of bodies and of a collection (pure)
    errors limits names files settings metrics
"""

from importlib.metadata import version

__all__ = ["VERSION"]

VERSION = version("memory-platform")
