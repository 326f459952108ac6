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

local function in_pieces(command, key, members)
  for from = 1, #members, 4000 do
    local upto = math.min(from + 3999, #members)
    if key then call(command, key, unpack(members, from, upto)) else call(command, unpack(members, from, upto)) end
  end
end

-- What is to go, collected first: a call for each thread would cost twice as much.
local keys, gone, births, with_dues, rescored = {}, {}, {}, {}, {}

-- A thread whose header is lost or damaged goes too, or it would stop the reaper for ever.
local function scrap(thread)
  for _, kind in ipairs({K_header, K_log, K_system, K_settings, K_document, K_due, K_accesses}) do
    keys[#keys + 1] = T .. kind .. thread
  end
  with_dues[#with_dues + 1] = thread
  gone[#gone + 1] = thread
  repaired = repaired + 1
end

local function expire(h, thread)
  threads, messages = threads + 1, messages + h.n + h.y
  next_pos()
  emit(h, GONE, thread)
  if not pcall(graves.strip, h, thread, keys) then return scrap(thread) end
  keys[#keys + 1] = T .. K_header .. thread
  gone[#gone + 1] = thread
  births[#births + 1] = h.g .. '-0'
  if h.next_due ~= 0 then with_dues[#with_dues + 1] = thread end
end

-- The header decides; the index only says where to look.
local function judge(thread, raw)
  local h = raw and (#raw == SHORT_SIZE or #raw == LONG_SIZE) and unpack_header(raw)
  if not h then return scrap(thread) end
  local at = expiry(h)
  if at ~= 0 and at <= now then return expire(h, thread) end
  rescored[#rescored + 1] = score(h)
  rescored[#rescored + 1] = thread
  repaired = repaired + 1
end

local due = take(T .. K_expiries, '-inf', now)
if #due > 0 then
  local names = {}
  for i, thread in ipairs(due) do names[i] = T .. K_header .. thread end
  local raws = call('MGET', unpack(names))
  for i, thread in ipairs(due) do judge(thread, raws[i]) end
  in_pieces('UNLINK', nil, keys)
  in_pieces('ZREM', T .. K_expiries, gone)
  in_pieces('ZREM', T .. K_ids, gone)
  in_pieces('ZREM', T .. K_message_expiries, with_dues)
  in_pieces('XDEL', T .. K_created, births)
  -- Last, because a full Redis takes it only after a removal.
  in_pieces('ZADD', T .. K_expiries, rescored)
  -- Every thread is in this index, so it knows their number better than a counter that missed one.
  if repaired > 0 then mem.threads, mem.changed = call('ZCARD', T .. K_expiries), true end
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
