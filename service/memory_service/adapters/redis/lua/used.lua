-- Notes that messages were read now, for a flush that takes the least recently used.
-- KEYS: the memory. ARGV: milliseconds for which a time of access is fresh enough to stay as it is, so that a thread that is
-- read all the time is written now and then; after that a thread, an incarnation and packed seqs, as often as there are any.

local stale = now - tonumber(ARGV[1])

local function note(thread, g, packed)
  local h = load(thread)
  if not h or h.g ~= g then return end
  local key, seqs, times = T .. K_accesses .. thread, {}, {}
  for at = 1, #packed, 4 do seqs[#seqs + 1] = unpack_from('<I4', packed, at) end
  for i, time in ipairs(call('ZMSCORE', key, unpack(seqs))) do
    if not time or tonumber(time) <= stale then
      times[#times + 1] = now
      times[#times + 1] = seqs[i]
    end
  end
  if #times == 0 then return end
  call('ZADD', key, unpack(times))
  stamp(h, key)
  if band(h.flags, ACCESSES) == 0 then
    h.flags = h.flags + ACCESSES
    save(h, thread)
  end
end

for at = 2, #ARGV, 3 do note(ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2]) end
return 1
