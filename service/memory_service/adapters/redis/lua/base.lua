-- What every script starts from: the memory's tag, one instant, and the packed forms. KEYS[1] is the memory's key.
-- K_* (kinds of keys), C_* (outcome codes) and N_* (numbers) are put in by scripts.py.

-- Each call of a script makes its functions and tables anew, at the price of a dozen additions each: what is rarely needed
-- is made when it is, and what every operation needs is made once and filled again.

local call = redis.call
local pack, unpack_from, band, bor, bnot = struct.pack, struct.unpack, bit.band, bit.bor, bit.bnot
local T = string.sub(KEYS[1], 1, -1 - #K_memory)

-- The instant of this script in milliseconds, asked once, so that everything in it agrees.
local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- Scores of the expiry index for threads without an expiry, and for pinned ones: beyond every date.
local NEVER, PINNED_SCORE = '9000000000000000', '+inf'

-- A thread's header. `flags` holds what a thread has besides messages, and in its two highest bits the partition.
-- A thread with nothing special has the short form, which Redis keeps in one allocation (up to 44 bytes).
local HEADER, SHORT = '<I6I6I6I6I6I6I4I4I2I6I6I6I4B', '<I6I5I6I6I5I4I4I5B'
local SHORT_SIZE, FIVE_BYTES = 42, 1099511627776
local PINNED, OWN_TTL, SETTINGS, DOCUMENT = 1, 2, 4, 8

-- Fills `h`, or a new table: written out in full, since one that grows field by field is allocated at each power of two.
local function unpack_header(raw, h)
  h = h or {g = 0, version = 0, expires = 0, created = 0, updated = 0, next_due = 0, seq = 0, n = 0, y = 0, tokens = 0,
    bytes = 0, ttl = 0, max = 0, flags = 0}
  if #raw == SHORT_SIZE then
    local g, versions, created, age, seq
    g, versions, h.expires, created, age, seq, h.tokens, h.bytes, h.flags = unpack_from(SHORT, raw)
    h.g, h.version, h.created, h.updated, h.seq, h.n = g, g + versions, created, created + age, seq, seq
    h.next_due, h.y, h.ttl, h.max = 0, 0, 0, 0
  else
    h.g, h.version, h.expires, h.created, h.updated, h.next_due, h.seq, h.n, h.y, h.tokens, h.bytes, h.ttl, h.max, h.flags =
      unpack_from(HEADER, raw)
  end
  return h
end

local function pack_header(h)
  local age = h.updated - h.created
  if h.n == h.seq and h.max == 0 and h.y == 0 and h.next_due == 0 and h.ttl == 0 and age >= 0 and age < FIVE_BYTES
    and h.tokens < 4294967296 then
    return pack(SHORT, h.g, h.version - h.g, h.expires, h.created, age, h.seq, h.tokens, h.bytes, h.flags)
  end
  return pack(HEADER, h.g, h.version, h.expires, h.created, h.updated, h.next_due, h.seq, h.n, h.y, h.tokens, h.bytes,
    h.ttl, h.max, h.flags)
end

-- When readers stop seeing the thread; 0 is never. A pinned one keeps its stored expiry for later.
local function expiry(h)
  if band(h.flags, PINNED) ~= 0 then return 0 end
  return h.expires
end

-- The header of a thread that lives, or nil; second, the header of one that expired and was not removed yet.
local function load(thread, key, into)
  local raw = call('GET', key or T .. K_header .. thread)
  if not raw then return nil end
  local h = unpack_header(raw, into)
  local at = expiry(h)
  if at ~= 0 and at <= now then return nil, h end
  return h
end

local function settings_of(h, thread)
  if band(h.flags, SETTINGS) == 0 then return {} end
  local raw = call('GET', T .. K_settings .. thread)
  return raw and cmsgpack.unpack(raw) or {}
end
