-- The memory's policy, ARGV[2], and when a thread expires by it.

local TTL, MAX_AGE, THREAD_CAP, SYSTEM_CAP, THREAD_QUOTA, BYTE_QUOTA, WINDOW_MESSAGES, WINDOW_TOKENS, FLUSH_MESSAGES,
  FLUSH_TOKENS, REFRESH, REQUIRED = unpack_from('<I8I8I8I8I8I8I4I8I4I8BB', ARGV[2])
-- A memory that flushes has no windows, not even those that its threads set for themselves under another policy.
local FLUSHES = FLUSH_MESSAGES > 0 or FLUSH_TOKENS > 0
local REFRESH_NEVER, REFRESH_WRITE, REFRESH_READ = 0, 1, 2

-- Never past the maximum age, which counts from creation.
local function bounded(h, at)
  if MAX_AGE == 0 then return at end
  local most = h.created + MAX_AGE
  if at == 0 or at > most then return most end
  return at
end

-- Now + ttl, rounded up to a grain, so that a busy thread's expiry moves at most 1024 times in a ttl. 0 is none.
local function after(h, ttl)
  if ttl == 0 then return bounded(h, 0) end
  local grain = math.max(1000, math.ceil(ttl / 1024))
  return bounded(h, math.ceil((now + ttl) / grain) * grain)
end

-- Where a refresh on a write puts a thread without a ttl of its own, before its maximum age: one for all in a script.
local TARGET = TTL ~= 0 and REFRESH ~= REFRESH_NEVER and after({created = now}, TTL) or 0
