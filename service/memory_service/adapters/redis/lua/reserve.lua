-- Requests that take several steps: one at a time under a key, and the answer kept as other answers are.
-- KEYS: the memory. ARGV: run id and epoch, what to do, the key's digest, the body's, the caller's token, and for 'take' and
-- 'renew' how many ms the reservation holds, for 'keep' the answer.
-- Answers what became of it; an answer that is known comes second.

local what, digest, body, token, more = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local ANSWER, TAKEN = '\254', '\255'   -- where other records have an outcome's code
local MARK = N_body + 1

local bucket = math.floor(now / N_bucket)
local key = T .. K_idempotency .. bucket
local record = idempotency().knows(digest)
local kind = record and string.sub(record, MARK, MARK)
local holder, due
if kind == TAKEN then holder, due = unpack_from('<c8I6', record, MARK + 1) end

local function put(value)
  call('HSET', key, digest, body .. value)
  call('PEXPIREAT', key, (bucket + 1) * N_bucket + N_kept, 'NX')
end

local function hold() put(TAKEN .. pack('<c8I6', token, now + tonumber(more))) end

if what == 'take' then
  if record and string.sub(record, 1, N_body) ~= body then return {'mismatch'} end
  if kind == ANSWER then return {'answered', string.sub(record, MARK + 1)} end
  if kind == TAKEN and due > now then return {'busy'} end
  hold()
  return {'taken'}
end

-- Whoever lost the reservation by being late leaves what is there to its new holder.
if holder ~= token then return {'lost'} end
if what == 'renew' then hold() end
if what == 'keep' then put(ANSWER .. more) end
if what == 'drop' then
  for age = 0, N_kept / N_bucket do call('HDEL', T .. K_idempotency .. (bucket - age), digest) end
end
return {'done'}
