-- Module: the row that changes a thread's settings: PUT replaces, PATCH merges, CREATE_CONVERSATION creates.

local REPLACE, MERGE, CREATE = 1, 2, 3
local expiries = ttl()

-- The settings asked for, laid over the present ones; `false` in a request means "none". Answers nil on a conflict.
local function merged(op, present, given)
  local mode = op.a
  local wanted = mode == REPLACE and {owner = present.owner} or {}
  if mode ~= REPLACE then for name, value in pairs(present) do wanted[name] = value end end
  wanted.flush = present.flush
  for _, name in ipairs({'type', 'title', 'metadata', 'owner'}) do
    if given[name] ~= nil then wanted[name] = given[name] or nil end
  end
  -- An owner is set once.
  if present.owner and wanted.owner ~= present.owner then return nil end
  if wanted.type == 'CHAT' then wanted.type = nil end
  return wanted
end

local function same(one, other)
  for _, name in ipairs({'type', 'title', 'metadata', 'owner'}) do
    if one[name] ~= other[name] then return false end
  end
  return true
end

-- The numbers in the header: window, ttl, pin. Answers whether any differs now.
local function apply(h, op, given)
  local flags, ttl, max, expires = h.flags, h.ttl, h.max, h.expires
  if op.a == REPLACE then
    if given.max == nil then h.max = 0 end
    if given.ttl == nil then h.ttl, h.flags = 0, band(h.flags, bnot(OWN_TTL)) end
    if given.pinned == nil then given.pinned = false end
  end
  if given.max ~= nil then h.max = given.max end
  if given.ttl ~= nil then h.ttl, h.flags = given.ttl, bor(h.flags, OWN_TTL) end
  local differs = band(flags, OWN_TTL) ~= band(h.flags, OWN_TTL) or ttl ~= h.ttl or max ~= h.max
  if given.pinned ~= nil and expiries.set_pin(h, given.pinned) then differs = true end
  return differs
end

-- A changed ttl governs later refreshes; it never shortens the present expiry, and a thread that had none gets one now.
local function retime(h, before)
  if h.ttl == before.ttl and band(h.flags, OWN_TTL) == band(before.flags, OWN_TTL) then return end
  local fresh = after(h, lifetime(h))
  h.expires = h.expires == 0 and fresh or expiries.later(h.expires, fresh)
end

-- Messages that a smaller window pushes out, at once.
local function shrink(h, thread)
  return leaving(h, thread, h.n, {}, window(h), WINDOW_TOKENS > 0 and spoken(h, thread) or 0)
end

local function emit_shrunk(h, thread, leave, seqs)
  if leave == 0 or #seqs == 0 then return end
  if h.y == 0 then emit(h, CUT, thread, pack('<I4', seqs[#seqs])) else emit_seqs(h, thread, seqs) end
end

local function store_settings(h, thread, wanted)
  local key = T .. K_settings .. thread
  if next(wanted) == nil then
    h.flags = band(h.flags, bnot(SETTINGS))
    call('UNLINK', key)
  else
    h.flags = bor(h.flags, SETTINGS)
    call('SET', key, cmsgpack.pack(wanted))
  end
end

local function conflicts(op, h, present, given)
  if op.a ~= CREATE or not h then return false end
  for _, name in ipairs({'type', 'title', 'metadata', 'owner'}) do
    local value = given[name] or nil
    if name == 'type' and value == 'CHAT' then value = nil end
    if given[name] ~= nil and value ~= present[name] then return true end
  end
  return (given.max ~= nil and given.max ~= h.max and given.max ~= window(h))
    or (given.ttl ~= nil and given.ttl ~= ((band(h.flags, OWN_TTL) ~= 0) and h.ttl or TTL))
    or (given.pinned ~= nil and given.pinned ~= (band(h.flags, PINNED) ~= 0))
end

-- Backups of an incarnation that gets its owner now are that owner's too. One that never lost a message has none.
local function own_backups(h, owner)
  if h.n + h.y == h.seq then return end
  local mine = h.g .. '-'
  for _, id in ipairs(call('ZRANGE', T .. K_backups, 0, -1)) do
    if string.sub(id, 1, #mine) == mine then
      local key = T .. K_backup .. id
      local raw = call('GET', key)
      if raw then call('SET', key, cmsgpack.pack({thread = cmsgpack.unpack(raw).thread, owner = owner}), 'KEEPTTL') end
    end
  end
end

local function configure(op, h, dead)
  local thread, given, created = op.thread, cmsgpack.unpack(ARGV[op.extra]), not h
  if given.ttl == 0 and REQUIRED ~= 0 and MAX_AGE == 0 then return outcome(C_invalid_ttl, 0, h) end
  local present = h and settings_of(h, thread) or {}
  if conflicts(op, h, present, given) then return outcome(C_settings_conflict, 0, h) end
  local wanted = merged(op, present, given)
  if not wanted then return outcome(C_settings_conflict, 0, h) end
  if created and THREAD_QUOTA > 0 and mem.threads + (dead and 0 or 1) > THREAD_QUOTA then
    return over_quota(nil, 1, mem.threads, THREAD_QUOTA)
  end
  h = h or newborn(op.partition)
  local before = {ttl = h.ttl, flags = h.flags, expires = h.expires}
  local differs = apply(h, op, given)
  local new_settings = not same(present, wanted)
  if not (created or differs or new_settings) then return outcome(C_ok, 0, h) end

  if created then h.expires = after(h, lifetime(h)) else retime(h, before) refresh(h) end
  local moved = created or h.expires ~= before.expires or (band(h.flags, PINNED) ~= 0) ~= (band(before.flags, PINNED) ~= 0)
  local leave, tokens, bytes, seqs = shrink(h, thread)
  h.n = h.n - leave
  local flags = CHANGED + (created and CREATED or moved and REFRESHED or 0)
  if op.dry then return outcome(C_ok, flags, h, 0, 0, leave) end

  h.version, h.updated = next_pos(), now
  if leave > 0 then h.tokens, h.bytes = h.tokens - tokens, h.bytes - bytes end
  save_first(h, thread)
  if dead then burial().make_way(dead, thread) end
  if created or new_settings then store_settings(h, thread, wanted) save(h, thread) end
  if created then enter(h, thread) end
  if leave > 0 then
    call('LTRIM', T .. K_log .. thread, leave, -1)
    unnote(h, thread, seqs)
    count(0, -leave, -tokens, -bytes)
  end
  if moved then spread(h, thread) end
  if dead then emit(dead, GONE, thread) end
  emit_shrunk(h, thread, leave, seqs)
  if wanted.owner and not present.owner then
    burial().own(h, thread, wanted.owner)
    if not created then own_backups(h, wanted.owner) end
    emit(h, OWNER, thread, pack('<Bc0', #wanted.owner, wanted.owner))
  end
  return outcome(C_ok, flags, h, 0, 0, leave)
end

return {configure = configure, store_settings = store_settings}
