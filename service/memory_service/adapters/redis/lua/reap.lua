-- One bounded step of the reaper: due threads, then due messages, then threads that must expire and do not.
-- KEYS: the memory. ARGV: run id and epoch, policy, how many. Answers threads and messages removed, index entries repaired.

local left = tonumber(ARGV[3])
local graves, purging = burial(), purge()
local threads, messages, repaired = 0, 0, 0

local function take(key, from, upto)
  if left <= 0 then return {} end
  local due = call('ZRANGEBYSCORE', key, from, upto, 'LIMIT', 0, left)
  left = left - #due
  return due
end

-- A thread whose keys are damaged goes too, or it would stop the reaper for ever.
local function scrap(thread)
  for _, kind in ipairs({K_header, K_log, K_system, K_settings, K_document, K_due}) do call('UNLINK', T .. kind .. thread) end
  for _, index in ipairs({K_expiries, K_ids, K_message_expiries}) do call('ZREM', T .. index, thread) end
end

-- The header decides; the index only says where to look.
local function expire(thread)
  local h, dead = load(thread)
  if dead then
    threads, messages = threads + 1, messages + dead.n + dead.y
    next_pos()
    emit(dead, GONE, thread)
    graves.remove(dead, thread)
  elseif h then
    call('ZADD', T .. K_expiries, score(h), thread)
    repaired = repaired + 1
  else
    scrap(thread)
    repaired = repaired + 1
  end
end

for _, thread in ipairs(take(T .. K_expiries, '-inf', now)) do
  local done, fault = pcall(expire, thread)
  local text = type(fault) == 'table' and fault.err or tostring(fault)
  if not done and not string.find(text, 'OOM', 1, true) then
    scrap(thread)
    repaired = repaired + 1
  end
end

for _, thread in ipairs(take(T .. K_message_expiries, '-inf', now)) do
  local h = load(thread)
  if h and h.next_due ~= 0 and h.next_due <= now then
    messages = messages + purging.purge(h, thread)
  elseif h and h.next_due ~= 0 then
    call('ZADD', T .. K_message_expiries, h.next_due, thread)
    repaired = repaired + 1
  else
    call('ZREM', T .. K_message_expiries, thread)
  end
end

if REQUIRED ~= 0 and (TTL ~= 0 or MAX_AGE ~= 0) then
  for _, thread in ipairs(take(T .. K_expiries, NEVER, NEVER)) do
    local h = load(thread)
    if h and refresh(h) then
      save(h, thread)
      spread(h, thread)
      repaired = repaired + 1
    end
  end
end

call('ZREMRANGEBYSCORE', T .. K_backups, '-inf', now)
save_memory()
return {threads, messages, repaired}
