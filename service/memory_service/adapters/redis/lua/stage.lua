-- Keeps a part of the messages of an import for a while. KEYS: the memory. ARGV: run id, the token, ttl in ms, messages as
-- import.lua takes them apart. Answers how many there are now.

local key = T .. K_staged .. ARGV[2]
local length = 0
for from = 4, #ARGV, 5000 do
  length = call('RPUSH', key, unpack(ARGV, from, math.min(from + 4999, #ARGV)))
end
call('PEXPIRE', key, ARGV[3])
-- Whoever erases the memory finds them here.
call('ZREMRANGEBYSCORE', T .. K_stagings, '-inf', now)
call('ZADD', T .. K_stagings, now + ARGV[3], ARGV[2])
return length
