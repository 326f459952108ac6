-- Whether one more request fits so many a second, over all replicas: an even rate with room for a second's burst.
-- KEYS: the memory. ARGV: requests a second. Answers 1 or 0. The key holds when the next request would be on time, in us.

local key, interval = T .. K_rate, 1000000 / tonumber(ARGV[1])
local instant = clock[1] * 1000000 + clock[2]
local due = math.max(tonumber(call('GET', key) or 0), instant)
if due - instant > 1000000 - interval then return 0 end
-- A full Redis cannot count, which is no reason to turn reads away.
redis.pcall('SET', key, string.format('%.0f', due + interval), 'PX', 2000)
return 1
