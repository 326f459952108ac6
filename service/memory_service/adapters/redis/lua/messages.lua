-- Putting a batch of messages into a thread: planned in locals against every limit, then written.

local SYSTEM_DRAFT, TTL_DRAFT = 1, 2
-- Once more out of the policy, as locals: a function has 60 outer names at most, and the module of rows is one.
local WINDOW_MESSAGES, WINDOW_TOKENS, FLUSH_MESSAGES, FLUSH_TOKENS = unpack_from('<I4I8I4I8', ARGV[2], 49)
local FLUSHES = FLUSH_MESSAGES > 0 or FLUSH_TOKENS > 0

-- Appends in pieces: a call takes some 8,000 arguments at most. What a `fresh` list holds before is of a thread whose
-- header was lost, and goes.
local function push(list, items, fresh)
  local length = 0
  for from = 1, #items, 5000 do
    length = call('RPUSH', list, unpack(items, from, math.min(from + 4999, #items)))
  end
  if fresh and length > #items then call('LTRIM', list, -#items, -1) end
end

local NONE = {}
local shared_batch =
  {items = NONE, systems = NONE, tokens = 0, bytes = 0, seq = 0, dues = false, next_due = false, spoken = 0, largest = 0}

local function batch(h)
  local b = shared_batch
  b.items, b.systems, b.tokens, b.bytes, b.seq, b.dues, b.next_due, b.spoken, b.largest = NONE, NONE, 0, 0, h.seq, false, false, 0, 0
  return b
end

local function add(b, h, tail, tokens, system, due)
  local seq = b.seq + 1
  local item = format(STORED, tokens, h.g, seq) .. tail
  local list = system and b.systems or b.items
  if list ~= NONE then
    list[#list + 1] = item
  elseif system then
    b.systems = {item}
  else
    b.items = {item}
  end
  b.seq, b.tokens, b.bytes = seq, b.tokens + tokens, b.bytes + #item
  if not system then
    b.spoken = b.spoken + tokens
    if tokens > b.largest then b.largest = tokens end
  end
  if due then
    b.dues = b.dues or {}
    b.dues[#b.dues + 1] = due
    b.dues[#b.dues + 1] = b.seq
    b.next_due = math.min(b.next_due or due, due)
  end
end

-- The drafts of an operation as messages of `h`; nil when one would have expired already.
local function drafted(op, h)
  local b, at, tails = batch(h), op.drafts, op.extra - 1
  for i = 1, op.count do
    local kind, tokens, value, due
    kind, tokens, value, at = unpack_from('<BI4I8', HEADS, at)
    if value ~= 0 then
      due = band(kind, TTL_DRAFT) ~= 0 and now + value or value
      if due <= now then return nil end
    end
    add(b, h, ARGV[tails + i], tokens, band(kind, SYSTEM_DRAFT) ~= 0, due)
  end
  return b
end

-- Tokens of the messages that windows count: all but system ones.
local function spoken(h, thread)
  local tokens = h.tokens
  if h.y > 0 then
    for _, item in ipairs(call('LRANGE', T .. K_system .. thread, 0, -1)) do tokens = tokens - (string.match(item, ID) or 0) end
  end
  return tokens
end

-- Most messages of a thread, 0 for no window of messages: its own first, else the memory's.
local function window(h) return FLUSHES and 0 or h.max == 0 and WINDOW_MESSAGES or h.max end

-- Whether a thread has grown to where it is flushed. System messages are looked at only where they could make the difference.
local function flush_due(h, thread, b)
  if FLUSH_MESSAGES > 0 and h.n >= FLUSH_MESSAGES then return true end
  if FLUSH_TOKENS == 0 or h.tokens < FLUSH_TOKENS then return false end
  local systems = b.tokens - b.spoken
  if h.y > #b.systems then
    for _, item in ipairs(call('LRANGE', T .. K_system .. thread, 0, -1)) do systems = systems + (string.match(item, ID) or 0) end
  end
  return h.tokens - systems >= FLUSH_TOKENS
end

-- Item by item from the oldest on, of n stored and #items new messages. `likely` stored ones are fetched at first, for most
-- callers all that they look at; then 64 at a time, and never so many that they crowd the server's memory.
local function from_oldest(list, n, items, likely)
  local got, base, step = {}, 0, math.min(likely, 1000)
  return function(i)
    if i > n then return items[i - n] end
    if i > base + #got then
      base = i - 1
      got = call('LRANGE', list, base, base + (base == 0 and step or math.max(step, 63)))
    end
    return got[i - base]
  end
end

-- Tokens and bytes that the header counts for damaged entries, which do not say any more what they cost.
local function lost(h, thread)
  local tokens, bytes = h.tokens, h.bytes
  for _, kind in ipairs({K_log, K_system}) do
    for from = 0, math.max(h.n, h.y) - 1, 200 do
      for _, item in ipairs(call('LRANGE', T .. kind .. thread, from, from + 199)) do
        tokens, bytes = tokens - (string.match(item, ID) or 0), bytes - #item
      end
    end
  end
  return tokens, bytes
end

-- The oldest of n stored and #items new messages that must leave so that `most` stay, and of `tokens` no more than the window's;
-- 0 is no window. A tool result whose call leaves goes with it, but never the newest message.
-- Answers how many leave, and their tokens, bytes and seqs; a damaged one takes along what the counts were wrong by.
local function leaving(h, thread, n, items, most, tokens)
  local total = n + #items
  local number, over = most > 0 and total - most or 0, WINDOW_TOKENS > 0 and tokens - WINDOW_TOKENS or 0
  if number <= 0 and over <= 0 then return 0, 0, 0 end
  local at, leave, left, bytes, seqs = from_oldest(T .. K_log .. thread, n, items, math.max(number, 1)), 0, 0, 0, {}
  local damaged = false
  while leave < total - 1 do
    local item = at(leave + 1)
    if leave >= number and left >= over and not (leave > 0 and string.find(item, TOOL)) then break end
    local cost, seq = string.match(item, ID)
    leave, left, bytes = leave + 1, left + (cost or 0), bytes + #item
    seqs[#seqs + 1] = tonumber(seq)
    damaged = damaged or not cost or string.byte(item, -1) ~= 125
  end
  if leave == 0 then return 0, 0, 0 end
  if damaged then
    local tokens_lost, bytes_lost = lost(h, thread)
    left, bytes = left + tokens_lost, bytes + bytes_lost
  end
  return leave, left, bytes, seqs
end

-- The first limit that `b` would break, as a refusal; nil when there is none.
local function over_limit(op, h, dead, b, gone, leave, gone_bytes)
  local created = op.absent
  if WINDOW_TOKENS > 0 and b.largest > WINDOW_TOKENS then return outcome(C_token_limit, 0, not created and h or nil) end
  if h.y - gone.y + #b.systems > SYSTEM_CAP then return outcome(C_system_cap, 0, not created and h or nil) end
  if window(h) == 0 and h.n - gone.n + #b.items - leave > THREAD_CAP then
    return outcome(C_thread_full, 0, not created and h or nil)
  end
  if created and THREAD_QUOTA > 0 and mem.threads + (dead and 0 or 1) > THREAD_QUOTA then
    return over_quota(nil, 1, mem.threads, THREAD_QUOTA)
  end
  local bytes = mem.bytes - (dead and dead.bytes or 0)
  if BYTE_QUOTA > 0 and bytes - gone_bytes + b.bytes > BYTE_QUOTA then
    return over_quota(not created and h or nil, 2, bytes, BYTE_QUOTA)
  end
end

-- Tells the index what came and what left. One cut says it unless a system message, which stays, is older than the cut.
local function emit_put(h, thread, dead, first, cut, seqs)
  if seqs and #seqs > 0 then
    if h.y == 0 then cut = seqs[#seqs] else emit_seqs(h, thread, seqs) end
  end
  emit_add(h.flags, h.g, thread, dead and dead.g or 0, first, h.seq, cut)
end

local NOTHING = {n = 0, y = 0, tokens = 0, bytes = 0}

-- Adds a batch at the end of a thread, or puts it in place of all its messages.
local function put(op, h, dead, b, replacing)
  local thread, created, first = op.thread, op.absent, h.seq + 1
  local gone = replacing and {n = h.n, y = h.y, tokens = h.tokens, bytes = h.bytes} or NOTHING
  local list, stays = T .. K_log .. thread, h.n - gone.n
  local tokens = WINDOW_TOKENS > 0 and b.spoken + (replacing and 0 or spoken(h, thread)) or 0
  local leave, left_tokens, left_bytes, seqs = leaving(h, thread, stays, b.items, window(h), tokens)
  local gone_bytes = gone.bytes + left_bytes
  local refusal = over_limit(op, h, dead, b, gone, leave, gone_bytes)
  if refusal then return refusal end

  local log_was_empty, system_was_empty = stays == 0, h.y == gone.y
  h.seq, h.n, h.y = b.seq, stays + #b.items - leave, h.y - gone.y + #b.systems
  h.tokens, h.bytes = h.tokens - gone.tokens - left_tokens + b.tokens, h.bytes - gone_bytes + b.bytes
  local old_due = h.next_due
  if replacing then h.next_due = 0 end
  if b.next_due and (h.next_due == 0 or b.next_due < h.next_due) then h.next_due = b.next_due end
  local refreshed_now = refresh(h)
  local moved = refreshed_now or created
  local flags = CHANGED + (created and CREATED or 0) + (refreshed_now and not created and REFRESHED or 0)
  if FLUSHES and flush_due(h, thread, b) then flags = flags + FLUSH_DUE end
  if op.dry then return outcome(C_ok, flags, h, first, op.count, leave) end

  h.version, h.updated = next_pos(), now
  if dead or replacing then
    save_first(h, thread)
    if dead then burial().make_way(dead, thread) end
    if replacing then
      call('UNLINK', list, T .. K_system .. thread, T .. K_due .. thread, T .. K_accesses .. thread)
      if old_due ~= 0 then call('ZREM', T .. K_message_expiries, thread) end
    end
  end
  push(list, b.items, log_was_empty)
  push(T .. K_system .. thread, b.systems, system_was_empty)
  if leave > 0 then
    call('LTRIM', list, leave, -1)
    unnote(h, thread, seqs)
  end
  if not (dead or replacing) then save(h, thread, op.key) end
  if created then enter(h, thread) end
  if b.dues then purge().note_dues(h, thread, b) end
  if moved then
    spread(h, thread)
  else
    if log_was_empty and h.n > 0 then stamp(h, list) end
    if system_was_empty and h.y > 0 then stamp(h, T .. K_system .. thread) end
  end
  count(0, op.count - leave - gone.n - gone.y, b.tokens - left_tokens - gone.tokens, b.bytes - gone_bytes)
  emit_put(h, thread, dead, first, replacing and first - 1 or 0, seqs)
  return outcome(C_ok, flags, h, first, op.count, leave)
end
