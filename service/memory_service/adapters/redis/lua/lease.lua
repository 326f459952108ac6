-- Takes or renews (ttl > 0), or gives back (ttl 0), a lease: of a partition of the outbox, or of a thread that is being
-- summarised. KEYS: the memory, the lease. ARGV: token, ttl.

local key = KEYS[2]
local holder = call('GET', key)
if holder and holder ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then
  if holder then call('DEL', key) end
else
  -- A removal first: a full Redis then takes the lease too, and its worker is who makes room.
  call('DEL', key)
  call('SET', key, ARGV[1], 'PX', ARGV[2])
end
return 1
