-- One bounded step of erasing a whole memory. KEYS: the memory. ARGV: how many threads, owners and backups.
-- Answers what remains: threads, owners, backups, and other keys.

local most = tonumber(ARGV[1])

local function each(index, forget)
  local members = call('ZRANGE', T .. index, 0, most - 1)
  for _, member in ipairs(members) do forget(member) end
  if #members > 0 then call('ZREM', T .. index, unpack(members)) end
  return call('ZCARD', T .. index)
end

local threads = each(K_expiries, function(thread)
  call('UNLINK', T .. K_header .. thread, T .. K_settings .. thread, T .. K_log .. thread, T .. K_system .. thread,
    T .. K_document .. thread, T .. K_due .. thread, T .. K_accesses .. thread, T .. K_summarising .. thread)
end)
local owners = each(K_owners, function(owner) call('UNLINK', T .. K_owned .. owner, T .. K_owner_document .. owner) end)
local backups = each(K_backups, function(id)
  local key = T .. K_backup .. id
  call('UNLINK', key, key .. ':l', key .. ':y', key .. ':x')
end)

-- A few at a time run in a process: all of them go at once.
each(K_stagings, function(token) call('UNLINK', T .. K_staged .. token) end)

local others = {KEYS[1], T .. K_ids, T .. K_created, T .. K_message_expiries, T .. K_dead, T .. K_expired,
  T .. K_owner_expiries, T .. K_rate, T .. K_stagings}
for p = 0, N_partitions - 1 do
  others[#others + 1] = T .. K_outbox .. p
  others[#others + 1] = T .. K_lease .. p
end
local bucket = math.floor(now / N_bucket)
for age = 0, N_kept / N_bucket + 1 do others[#others + 1] = T .. K_idempotency .. (bucket - age) end
if threads + owners + backups == 0 then call('UNLINK', unpack(others)) end
return {threads, owners, backups, call('EXISTS', unpack(others))}
