-- Acknowledges a partition's entries up to and including one, if the lease is still the caller's.
-- KEYS: the memory. ARGV: partition, token, last id, most dead letters kept, then dead letters as they are kept.

if call('GET', T .. K_lease .. ARGV[1]) ~= ARGV[2] then return 0 end
-- The removal comes first, so that a full Redis takes the rest.
local ms, seq = string.match(ARGV[3], '^(%d+)%-(%d+)$')
call('XTRIM', T .. K_outbox .. ARGV[1], 'MINID', ms .. '-' .. (seq + 1))
for at = 5, #ARGV do
  call('XADD', T .. K_dead, 'MAXLEN', ARGV[4], '*', 'o', ARGV[at])
end
return 1
