-- One bounded step of the reaper: due threads, then due messages, then owners with nothing left, then threads that must
-- expire and do not.
-- KEYS: the memory. ARGV: run id and epoch, policy, how many.
-- Answers, of this step: threads and messages removed, index entries put right, threads that got their expiry, 1 if there may be
-- more, ms that the oldest of what was due waited; of the memory's life: threads and messages that expired, threads given one.

local left = tonumber(ARGV[3])
local graves, purging = burial(), purge()
local threads, messages, corrected, repaired, lag = 0, 0, 0, 0, 0

local function take(index, from, upto)
  if left <= 0 then return {} end
  local members = call('ZRANGEBYSCORE', T .. index, from, upto, 'LIMIT', 0, left)
  left = left - #members
  return members
end

local function take_due(index)
  local first = call('ZRANGE', T .. index, 0, 0, 'WITHSCORES')[2]
  if not first or tonumber(first) > now then return {} end
  lag = math.max(lag, now - tonumber(first))
  return take(index, '-inf', now)
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
  graves.strip(h, thread, keys)
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
  local h = unpack_header(raw)
  local at = expiry(h)
  if at ~= 0 and at <= now then return expire(h, thread) end
  settle(h, thread)
end

-- Nearly every thread is one: it expired and has messages only. Works on values, at half the price of `judge`.
local plain_threads, plain_messages, plain_tokens, plain_bytes = 0, 0, 0, 0
local function expire_plain(thread, raw)
  local g, _, expires, _, _, next_due, _, n, y, tokens, bytes, _, _, flags = unpack_values(raw)
  local special = flags % 64
  if special ~= 0 and special ~= OWN_TTL or next_due ~= 0 or y ~= 0 or expires == 0 or expires > now then return false end
  local at = #keys
  keys[at + 1] = T .. K_header .. thread
  if n > 0 then keys[at + 2] = T .. K_log .. thread end
  at = #gone + 1
  gone[at], births[#births + 1] = thread, g .. '-0'
  local list = outbox_of((flags - special) / 64)
  list[#list + 1] = pack('<BI6I6Bc0', GONE, next_pos(), g, #thread, thread)
  plain_threads, plain_messages = plain_threads + 1, plain_messages + n
  plain_tokens, plain_bytes = plain_tokens + tokens, plain_bytes + bytes
  return true
end

local function judge_all(found)
  if #found == 0 then return end
  local names = {}
  for i, thread in ipairs(found) do names[i] = T .. K_header .. thread end
  for i, raw in ipairs(call('MGET', unpack(names))) do
    local thread, sound = found[i], raw and (#raw == SHORT_SIZE or #raw == LONG_SIZE)
    if not (sound and expire_plain(thread, raw) or sound and pcall(judge, thread, raw)) then scrap(thread) end
  end
  threads, messages = threads + plain_threads, messages + plain_messages
  count(-plain_threads, -plain_messages, -plain_tokens, -plain_bytes)
  plain_threads, plain_messages, plain_tokens, plain_bytes = 0, 0, 0, 0
end

-- Takes births off the list of threads by creation. Deleting one walks its part of the list, so the oldest, which mostly
-- expire together, are cut off in one go.
local function unlist()
  local listed, rest, last = {}, {}, nil
  for _, birth in ipairs(births) do listed[birth] = true end
  for _, entry in ipairs(call('XRANGE', T .. K_created, '-', '+', 'COUNT', #births)) do
    if not listed[entry[1]] then break end
    last, listed[entry[1]] = entry[1], nil
  end
  if last then call('XTRIM', T .. K_created, 'MINID', '=', (string.gsub(last, '0$', '1'))) end
  for birth in pairs(listed) do rest[#rest + 1] = birth end
  in_pieces('XDEL', T .. K_created, rest)
end

-- Removals first: a full Redis takes what follows one.
local function clear_away()
  in_pieces('UNLINK', nil, keys)
  in_pieces('ZREM', T .. K_expiries, gone)
  in_pieces('ZREM', T .. K_ids, gone)
  in_pieces('ZREM', T .. K_message_expiries, with_dues)
  if #births > 0 then unlist() end
  in_pieces('ZADD', T .. K_expiries, rescored)
  keys, gone, births, with_dues, rescored = {}, {}, {}, {}, {}
end

judge_all(take_due(K_expiries))
clear_away()
ended('threads', threads)
ended('messages', messages)

local due_messages = take_due(K_message_expiries)
for _, thread in ipairs(due_messages) do
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

-- Owners whose document expired: those with no thread either are no owners any more.
for _, owner in ipairs(take(K_owner_expiries, '-inf', now)) do
  local at = call('PEXPIRETIME', T .. K_owner_document .. owner)
  if at > now then
    call('ZADD', T .. K_owner_expiries, at, owner)
    corrected = corrected + 1
  else
    call('ZREM', T .. K_owner_expiries, owner)
    if at == -2 and call('EXISTS', T .. K_owned .. owner) == 0 then call('ZREM', T .. K_owners, owner) end
  end
end

-- Every thread is in this index, so it knows their number better than a counter that missed one.
if corrected > 0 then mem.threads, mem.changed = call('ZCARD', T .. K_expiries), true end
call('ZREMRANGEBYSCORE', T .. K_backups, '-inf', now)
save_memory()
local ever = call('HMGET', T .. K_expired, 'threads', 'messages', 'repaired')
return {threads, messages, corrected, repaired, left <= 0 and 1 or 0, lag, tonumber(ever[1] or 0), tonumber(ever[2] or 0),
  tonumber(ever[3] or 0)}
