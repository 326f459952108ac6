-- The lane of a plain append: one message without an expiry of its own, to a living thread that has messages and nothing
-- special. Nearly every call is one, so it works on locals alone, at half the price of the frame and without its functions.
-- It decides nothing: whatever is not plain, and every refusal, goes to the frame, with nothing written here before.

local HEADS, DRAFT_SIZE, DRAFT = ARGV[4], 13, '<BI4I8'
local keyed = #ARGV[3] > 0 and idempotency()

-- The stored form of a message.
local function stored(tokens, g, seq, tail)
  return string.format('{"tokens":%d,"id":"%d-%d",', tokens, g, seq) .. tail
end

local function plain_append(key, thread, at, tail)
  local raw = headers[key]
  if not raw or #raw ~= SHORT_SIZE then return nil end
  local kind, cost, due = unpack_from(DRAFT, HEADS, at)
  local g, versions, expires, created, age, seq, tokens, bytes, flags = unpack_from(SHORT, raw)
  local target = TARGET
  if MAX_AGE > 0 then target = math.min(target, created + MAX_AGE) end
  if kind ~= 0 or due ~= 0 or seq == 0 or seq >= THREAD_CAP or BYTE_QUOTA > 0 or flags % SETTINGS ~= 0
    or expires ~= 0 and (expires <= now or expires < target) or expires == 0 and REQUIRED ~= 0 then
    return nil
  end

  seq = seq + 1
  local item = stored(cost, g, seq, tail)
  local reply = redis.pcall('RPUSH', T .. K_log .. thread, item)
  if type(reply) == 'table' then return nil end
  local pos, size = next_pos(), #item
  keep(key, pack(SHORT, g, pos - g, expires, created, now - created, seq, tokens + cost, bytes + size, flags))
  count(0, 1, cost, size)
  emit_add(flags, g, thread, 0, seq, seq, 0)
  return pack(OUTCOME, C_ok, CHANGED, pos, pos, g, seq, 1, seq, 0, expires)
end
