-- The lane of a plain append: one message without an expiry of its own, to a living thread that has messages, no system ones
-- and nothing special, and whose window, if there is one, lets one message go at most. Nearly every call is one, so it works on locals
-- alone, at half the price of the frame and without its functions. It decides nothing: whatever is not plain, and every
-- refusal, goes to the frame, with nothing written here before.

local HEADS, DRAFT_SIZE, DRAFT = ARGV[4], 13, '<BI4I8'
local ID = '^{"tokens":(%d+),"id":"%d+%-(%d+)"'
local TOOL = '^{"tokens":%d+,"id":"%d+%-%d+","role":"tool"'
local keyed = #ARGV[3] > 0 and idempotency()
local format, find_text, rpush = string.format, string.find, redis.pcall
local lane_messages, lane_tokens, lane_bytes = 0, 0, 0

-- Answers the thread's new header, which says it all, unless an answer must be kept or a message left.
local function plain_append(key, thread, partition, at, tail, digest)
  local raw = latest[key]
  if raw == nil then raw = current end
  if not raw then return nil end
  local kind, cost, due = unpack_from(DRAFT, HEADS, at)
  local g, version, expires, created, updated, next_due, seq, n, y, tokens, bytes, ttl, max, flags = unpack_values(raw)
  local most, target = FLUSHES and 0 or max == 0 and WINDOW_MESSAGES or max, TARGET
  if MAX_AGE > 0 then target = math.min(target, created + MAX_AGE) end
  if kind ~= 0 or due ~= 0 or n == 0 or y ~= 0 or next_due ~= 0 or flags % SETTINGS ~= 0 or BYTE_QUOTA > 0
    or most == 0 and n >= THREAD_CAP or most > 0 and n > most
    or expires ~= 0 and (expires <= now or expires < target) or expires == 0 and REQUIRED ~= 0 then
    return nil
  end
  local list, leaves, spent, cut = T .. K_log .. thread, nil, 0, 0
  if n == most or WINDOW_TOKENS > 0 and tokens + cost > WINDOW_TOKENS then
    if flags % (2 * ACCESSES) >= ACCESSES then return nil end
    local oldest = call('LRANGE', list, 0, 1)
    leaves = oldest[1]
    if not leaves or oldest[2] and find_text(oldest[2], TOOL) then return nil end
    spent, cut = string.match(leaves, ID)
    if not spent or string.byte(leaves, -1) ~= 125 then return nil end
    cut = tonumber(cut)
    if WINDOW_TOKENS > 0 and (cost > WINDOW_TOKENS or tokens + cost - spent > WINDOW_TOKENS) then return nil end
  end

  seq = seq + 1
  local item = format(STORED, cost, g, seq) .. tail
  local reply = rpush('RPUSH', list, item)
  if type(reply) == 'table' then return nil end
  local pos, messages, size, evicted = mem.pos + 1, 1, #item, 0
  mem.pos = pos
  if leaves then
    call('LTRIM', list, 1, -1)
    messages, size, cost, evicted = 0, size - #leaves, cost - spent, 1
  end
  n = n + messages
  raw = pack_values(g, pos, expires, created, now, 0, seq, n, 0, tokens + cost, bytes + size, ttl, max, flags)
  keep(key, raw)
  lane_messages, lane_tokens, lane_bytes = lane_messages + messages, lane_tokens + cost, lane_bytes + size
  if leaves then
    emit_add(flags, g, thread, 0, seq, seq, cut)
  else
    emit_last(partition, thread, raw)
    if not digest then return raw end
  end
  local due = FLUSH_MESSAGES > 0 and n >= FLUSH_MESSAGES or FLUSH_TOKENS > 0 and tokens + cost >= FLUSH_TOKENS
  return pack(OUTCOME, C_ok, CHANGED + (due and FLUSH_DUE or 0), pos, pos, g, seq, 1, n, evicted, expires)
end
