-- A thread's header between its packed form (values.lua) and a table.

-- Fills `h`, or a new table: written out in full, since one that grows field by field is allocated at each power of two.
local function unpack_header(raw, h)
  h = h or {g = 0, version = 0, expires = 0, created = 0, updated = 0, next_due = 0, seq = 0, n = 0, y = 0, tokens = 0,
    bytes = 0, ttl = 0, max = 0, flags = 0}
  h.g, h.version, h.expires, h.created, h.updated, h.next_due, h.seq, h.n, h.y, h.tokens, h.bytes, h.ttl, h.max, h.flags =
    unpack_values(raw)
  return h
end

local function pack_header(h)
  return pack_values(h.g, h.version, h.expires, h.created, h.updated, h.next_due, h.seq, h.n, h.y, h.tokens, h.bytes, h.ttl,
    h.max, h.flags)
end

-- When readers stop seeing the thread; 0 is never. A pinned one keeps its stored expiry for later.
local function expiry(h)
  if band(h.flags, PINNED) ~= 0 then return 0 end
  return h.expires
end

-- Gives a content key the thread's exact expiry, or none.
local function stamp(h, key)
  local at = expiry(h)
  if at == 0 then call('PERSIST', key) else call('PEXPIREAT', key, at) end
end

-- Whether messages of it have expired and are still there. While a thread is pinned none does.
local function overdue(h) return h.next_due ~= 0 and h.next_due <= now and band(h.flags, PINNED) == 0 end

local function settings_of(h, thread)
  if band(h.flags, SETTINGS) == 0 then return {} end
  local raw = call('GET', T .. K_settings .. thread)
  return raw and cmsgpack.unpack(raw) or {}
end
