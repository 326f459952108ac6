-- What every script starts from: the memory's tag, one instant, and the packed forms. KEYS[1] is the memory's key.
-- The lines above this one are generated: K_* and N_* (keys.py), C_* (model.CODES).

local call = redis.call
local pack, unpack_from, band, bor, bnot = struct.pack, struct.unpack, bit.band, bit.bor, bit.bnot
local T = string.sub(KEYS[1], 1, -1 - #K_memory)

-- The instant of this script in milliseconds, asked once, so that everything in it agrees.
local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- Scores of the expiry index for threads without an expiry, and for pinned ones: beyond every date.
local NEVER, PINNED_SCORE = '9000000000000000', '+inf'

-- A thread's header. `flags` holds what a thread has besides messages, and in its two highest bits the partition.
local HEADER = '<I6I6I6I6I6I6I4I4I2I6I6I6I4B'
local PINNED, OWN_TTL, SETTINGS, DOCUMENT = 1, 2, 4, 8

local function unpack_header(raw)
  local h = {}
  h.g, h.version, h.expires, h.created, h.updated, h.next_due, h.seq, h.n, h.y, h.tokens, h.bytes, h.ttl, h.max, h.flags =
    unpack_from(HEADER, raw)
  return h
end

local function pack_header(h)
  return pack(HEADER, h.g, h.version, h.expires, h.created, h.updated, h.next_due, h.seq, h.n, h.y, h.tokens, h.bytes,
    h.ttl, h.max, h.flags)
end

local function has(h, flag) return band(h.flags, flag) ~= 0 end

-- When readers stop seeing the thread; 0 is never. A pinned one keeps its stored expiry for later.
local function expiry(h)
  if band(h.flags, PINNED) ~= 0 then return 0 end
  return h.expires
end

local function expired(h)
  local at = expiry(h)
  return at ~= 0 and at <= now
end

-- The header of a thread that lives, or nil; second, the header of one that expired and was not removed yet.
local function load(thread)
  local raw = call('GET', T .. K_header .. thread)
  if not raw then return nil end
  local h = unpack_header(raw)
  if expired(h) then return nil, h end
  return h
end

local function settings_of(h, thread)
  if band(h.flags, SETTINGS) == 0 then return {} end
  local raw = call('GET', T .. K_settings .. thread)
  return raw and cmsgpack.unpack(raw) or {}
end
