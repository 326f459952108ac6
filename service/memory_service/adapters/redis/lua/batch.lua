-- Headers of a batch: read in one go, written in one go. KEYS from the second on are theirs.

local stored_headers = call('MGET', unpack(KEYS, 2))
-- What this batch wrote, by key; and the same as arguments of the one write at the end, where the last of a key counts.
local latest, writes = {}, {}
local current   -- as stored, of the operation at hand

local function keep(key, raw)
  latest[key] = raw
  local size = #writes
  writes[size + 1] = key
  writes[size + 2] = raw
end
