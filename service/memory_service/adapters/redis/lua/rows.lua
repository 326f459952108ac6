-- The rows of the mutation frame, numbered as codec.py numbers them.
-- EXTRA: which operations bring a further argument, then `tails` more.

local ROWS = {append, replace, clear, restore, delete, configure, set_ttl, delete_message, set_message_ttl, touch,
  flush}
local EXTRA = {[1] = true, [2] = true, [4] = true, [6] = true, [11] = true}
