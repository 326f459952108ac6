-- Takes or renews (ttl > 0), or gives back (ttl 0), a partition's lease. KEYS: the memory. ARGV: partition, token, ttl.

local key = T .. K_lease .. ARGV[1]
local holder = call('GET', key)
if holder and holder ~= ARGV[2] then return 0 end
if ARGV[3] == '0' then
  if holder then call('DEL', key) end
else
  -- A removal first: a full Redis then takes the lease too, and its worker is who makes room.
  call('DEL', key)
  call('SET', key, ARGV[2], 'PX', ARGV[3])
end
return 1
