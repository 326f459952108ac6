-- Module: owners of threads, and the removal of an incarnation from every index and counter it is in.

local function own(h, thread, owner)
  if call('ZADD', T .. K_owned .. owner, h.g, thread) == 1 then call('ZADD', T .. K_owners, 0, owner) end
end

local function disown(thread, owner)
  local owned = T .. K_owned .. owner
  call('ZREM', owned, thread)
  if call('EXISTS', owned, T .. K_owner_document .. owner) == 0 then call('ZREM', T .. K_owners, owner) end
end

-- Takes an incarnation out of its owner's threads and out of the counters, and adds the keys it has besides its header.
local function strip(h, thread, keys)
  if band(h.flags, SETTINGS) ~= 0 then
    local owner = settings_of(h, thread).owner
    if owner then disown(thread, owner) end
    keys[#keys + 1] = T .. K_settings .. thread
  end
  if h.n > 0 then keys[#keys + 1] = T .. K_log .. thread end
  if h.y > 0 then keys[#keys + 1] = T .. K_system .. thread end
  if h.next_due ~= 0 then keys[#keys + 1] = T .. K_due .. thread end
  if band(h.flags, DOCUMENT) ~= 0 then keys[#keys + 1] = T .. K_document .. thread end
  if band(h.flags, ACCESSES) ~= 0 then keys[#keys + 1] = T .. K_accesses .. thread end
  count(-1, -h.n - h.y, -h.tokens, -h.bytes)
  mem.changed = true
end

-- Removes what an incarnation has besides its header and its places in the indexes that the next one takes over.
local function bury(h, thread)
  local keys = {T .. K_summarising .. thread}
  strip(h, thread, keys)
  call('UNLINK', unpack(keys))
  if h.next_due ~= 0 then call('ZREM', T .. K_message_expiries, thread) end
  call('XDEL', T .. K_created, h.g .. '-0')
end

-- The same for one that another takes the place of. It expired, and its reaper had not come; unless it lived, and is replaced.
local function make_way(h, thread)
  bury(h, thread)
  local at = expiry(h)
  if at == 0 or at > now then return end
  ended('threads', 1)
  ended('messages', h.n + h.y)
end

-- Removes a thread altogether. The caller emits GONE.
local function remove(h, thread)
  bury(h, thread)
  drop(T .. K_header .. thread)
  call('ZREM', T .. K_expiries, thread)
  call('ZREM', T .. K_ids, thread)
end

return {own = own, strip = strip, make_way = make_way, remove = remove}
