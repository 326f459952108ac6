"""PURE: the definitions of the tenant's Memories, in up to sixteen ConfigMaps that one volume projects."""

from typing import Any

from memory_crd import definitions, names

from memory_operator.kinds import CONFIG_MAP
from memory_operator.render.metadata import Context, child
from memory_operator.roster import Roster


def config_maps(context: Context, roster: Roster) -> list[dict[str, Any]]:
    """Return the ConfigMaps that hold an entry; the volume does without the others."""
    shards = definitions.dump(roster.entries)
    return [
        child(
            CONFIG_MAP, names.definitions_config_map(shard), context.namespace, names.COMPONENT_SERVICE, data=dict(data)
        )
        for shard, data in shards.items()
        if data
    ]
