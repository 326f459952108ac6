-- The rows of the mutation frame. EXTRA: which operations bring a further argument, then `count` more.

local ROWS = {append}
local EXTRA = {true}
