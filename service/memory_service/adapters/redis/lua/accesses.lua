-- Times of access of messages that leave (used.lua keeps them): they leave too.

local function unnote(h, thread, seqs)
  if band(h.flags, ACCESSES) == 0 then return end
  for from = 1, #seqs, 5000 do
    call('ZREM', T .. K_accesses .. thread, unpack(seqs, from, math.min(from + 4999, #seqs)))
  end
end
