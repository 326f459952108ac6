-- Headers by thread.

-- The header of a thread that lives, or nil; second, the header of one that expired and was not removed yet.
-- `fetch`, from headers.lua or batch.lua, says where headers are read.
local function load(thread, key, into)
  local raw = fetch(key or T .. K_header .. thread)
  if not raw then return nil end
  local h = unpack_header(raw, into)
  local at = expiry(h)
  if at ~= 0 and at <= now then return nil, h end
  return h
end

local function save(h, thread, key) keep(key or T .. K_header .. thread, pack_header(h)) end

-- Saves at once, by a write that Redis refuses when it is full: so a refusal finds nothing written.
local function save_first(h, thread)
  local key, raw = T .. K_header .. thread, pack_header(h)
  call('SET', key, raw)
  keep(key, raw)
end
