-- One bounded step of the reaper: due threads, then due messages, then threads that must expire and do not.
-- KEYS: the memory. ARGV: run id and epoch, policy, how many.
-- Answers, of this step: threads and messages removed, index entries put right, threads that got their expiry, 1 if there may be
-- more, ms that the oldest of what was due waited; of the memory's life: threads and messages that expired, threads given one.

local left = tonumber(ARGV[3])
local graves, purging = burial(), purge()
local threads, messages, corrected, repaired, lag = 0, 0, 0, 0, 0

-- Thread and score by turns.
local function take(index, from, upto)
  if left <= 0 then return {} end
  local rows = call('ZRANGEBYSCORE', T .. index, from, upto, 'WITHSCORES', 'LIMIT', 0, left)
  left = left - #rows / 2
  return rows
end

local function take_due(index)
  local rows = take(index, '-inf', now)
  if rows[2] then lag = math.max(lag, now - tonumber(rows[2])) end
  return rows
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
  corrected = corrected + 1
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

-- A thread that lives is where it is in the index by mistake, unless it must expire and does not yet.
local function settle(h, thread)
  if h.expires == 0 and band(h.flags, PINNED) == 0 and refresh(h) then
    save(h, thread)
    spread(h, thread)
    repaired = repaired + 1
    return
  end
  rescored[#rescored + 1] = score(h)
  rescored[#rescored + 1] = thread
  corrected = corrected + 1
end

-- The header decides; the index only says where to look.
local function judge(thread, raw)
  local h = raw and (#raw == SHORT_SIZE or #raw == LONG_SIZE) and unpack_header(raw)
  if not h then return scrap(thread) end
  local at = expiry(h)
  if at ~= 0 and at <= now then return expire(h, thread) end
  settle(h, thread)
end

local function judge_all(rows)
  if #rows == 0 then return end
  local names = {}
  for i = 1, #rows, 2 do names[#names + 1] = T .. K_header .. rows[i] end
  for i, raw in ipairs(call('MGET', unpack(names))) do judge(rows[2 * i - 1], raw) end
end

-- Removals first: a full Redis takes what follows one.
local function clear_away()
  in_pieces('UNLINK', nil, keys)
  in_pieces('ZREM', T .. K_expiries, gone)
  in_pieces('ZREM', T .. K_ids, gone)
  in_pieces('ZREM', T .. K_message_expiries, with_dues)
  in_pieces('XDEL', T .. K_created, births)
  in_pieces('ZADD', T .. K_expiries, rescored)
  keys, gone, births, with_dues, rescored = {}, {}, {}, {}, {}
end

judge_all(take_due(K_expiries))
clear_away()
ended('threads', threads)
ended('messages', messages)

local due_messages = take_due(K_message_expiries)
for i = 1, #due_messages, 2 do
  local thread = due_messages[i]
  local h = load(thread)
  if h and overdue(h) then
    messages = messages + purging.purge(h, thread)
  elseif h and h.next_due > now then
    call('ZADD', T .. K_message_expiries, h.next_due, thread)
    corrected = corrected + 1
  else
    call('ZREM', T .. K_message_expiries, thread)
  end
end

if REQUIRED ~= 0 and (TTL ~= 0 or MAX_AGE ~= 0) then
  judge_all(take(K_expiries, NEVER, NEVER))
  clear_away()
  ended('repaired', repaired)
end

-- Every thread is in this index, so it knows their number better than a counter that missed one.
if corrected > 0 then mem.threads, mem.changed = call('ZCARD', T .. K_expiries), true end
call('ZREMRANGEBYSCORE', T .. K_backups, '-inf', now)
save_memory()
local ever = call('HMGET', T .. K_expired, 'threads', 'messages', 'repaired')
return {threads, messages, corrected, repaired, left <= 0 and 1 or 0, lag, tonumber(ever[1] or 0), tonumber(ever[2] or 0),
  tonumber(ever[3] or 0)}
