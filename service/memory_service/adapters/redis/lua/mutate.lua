-- One script for every mutation: up to 32 operations of one memory, in order, each on its own.
-- KEYS: the memory, then the header of each operation's thread. The other keys derive from the same tag, thus slot.
-- ARGV: run id and epoch, policy, digests of the keyed operations, then the operations as codec.py packs them.

local MATCH, ABSENT, DRY, KEYED = 1, 2, 4, 8
-- Answers that an Idempotency-Key repeats: what the mutation itself decided.
local RECORDED = {[C_ok] = true, [C_settings_conflict] = true, [C_not_empty] = true, [C_system_cap] = true,
  [C_token_limit] = true, [C_thread_full] = true}
local FULL, DAMAGED = 254, 255

local records, recorded = {}, {}

local function load_records(digests)
  local asked = {}
  for at = 1, #digests, 16 do asked[#asked + 1] = string.sub(digests, at, at + 15) end
  local bucket = math.floor(now / N_bucket)
  for age = 0, N_kept / N_bucket do
    local found = call('HMGET', T .. K_idempotency .. (bucket - age), unpack(asked))
    for i, digest in ipairs(asked) do records[digest] = records[digest] or found[i] or nil end
  end
end

local function save_records()
  if #recorded == 0 then return end
  local bucket = math.floor(now / N_bucket)
  local key = T .. K_idempotency .. bucket
  -- Refusals alone may meet a full Redis here; their record is a convenience, an answer is not.
  local reply = redis.pcall('HSET', key, unpack(recorded))
  if type(reply) ~= 'table' then
    call('PEXPIREAT', key, (bucket + 1) * N_bucket + N_kept, 'NX')
  end
end

local function replay(op)
  local record = records[op.digest]
  if not record then return nil end
  if string.sub(record, 1, 8) ~= op.body then return outcome(C_idempotency_mismatch, 0, nil) end
  return string.sub(record, 9, 9) .. string.char(string.byte(record, 10) + REPLAYED) .. string.sub(record, 11)
end

local function record(op, answer)
  if op.dry or not RECORDED[string.byte(answer, 1)] then return end
  local kept = op.body .. answer
  records[op.digest] = kept
  recorded[#recorded + 1] = op.digest
  recorded[#recorded + 1] = kept
end

local function run(op)
  if op.digest then
    local again = replay(op)
    if again then return again end
  end
  local h, dead = load(op.thread)
  if h and h.next_due ~= 0 and h.next_due <= now then purge(h, op.thread) end
  if band(op.flags, MATCH) ~= 0 and (h and h.version or 0) ~= op.version then return outcome(C_version_mismatch, 0, h) end
  if band(op.flags, ABSENT) ~= 0 and h then return outcome(C_exists, 0, h) end
  op.absent = not h
  local answer = ROWS[op.kind](op, h, dead)
  if op.digest then record(op, answer) end
  return answer
end

-- A failure inside one operation is that operation's alone: Redis out of memory, or a thread whose keys are damaged.
local function guarded(op)
  local done, answer = pcall(run, op)
  if done then return answer end
  local text = type(answer) == 'table' and answer.err or tostring(answer)
  local full = string.find(text, 'OOM', 1, true) ~= nil
  return string.char(full and FULL or DAMAGED) .. text
end

if #ARGV[3] > 0 then load_records(ARGV[3]) end
local answers, at = {mem.epoch}, 4
for i = 2, #KEYS do
  local op = {thread = string.sub(KEYS[i], #T + #K_header + 1)}
  op.kind, op.flags, op.partition, op.count, op.version, op.a, op.b, op.c = unpack_from('<BBBI2I8I8I8I8', ARGV[at])
  op.dry = band(op.flags, DRY) ~= 0
  at = at + 1
  if band(op.flags, KEYED) ~= 0 then
    op.digest, op.body = string.sub(ARGV[at], 1, 16), string.sub(ARGV[at], 17)
    at = at + 1
  end
  if EXTRA[op.kind] then
    op.meta = ARGV[at]
    op.tails = at
    at = at + 1 + op.count
  end
  answers[i] = guarded(op)
end
save_memory()
save_records()
return answers
