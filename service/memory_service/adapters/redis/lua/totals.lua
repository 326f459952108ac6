-- A memory in numbers, at one instant. KEYS: the memory.
-- Answers TIME, the counters as stored, threads due by now and in 1 h, 24 h and 7 d, without expiry, pinned, the first due
-- thread's and message's times, dead letters, outbox entries, and the first entry of each partition (false where none is).

local HOUR = 3600000
local index = T .. K_expiries

local function until_then(at) return call('ZCOUNT', index, '-inf', at) end
local function first(key) return call('ZRANGE', key, 0, 0, 'WITHSCORES')[2] or false end

local answer = {now, call('GET', KEYS[1]), until_then(now), until_then(now + HOUR), until_then(now + 24 * HOUR),
  until_then(now + 168 * HOUR), call('ZCOUNT', index, NEVER, PINNED_SCORE), call('ZCOUNT', index, PINNED_SCORE, PINNED_SCORE),
  first(index), first(T .. K_message_expiries), call('XLEN', T .. K_dead)}
local depth, heads = 0, {}
for p = 0, N_partitions - 1 do
  local key = T .. K_outbox .. p
  depth = depth + call('XLEN', key)
  local entry = call('XRANGE', key, '-', '+', 'COUNT', 1)[1]
  heads[p + 1] = entry and entry[2][2] or false
end
answer[12] = depth
answer[13] = heads
return answer
