-- Module: answers kept for a day and repeated to whoever comes with the same key. ARGV[3] has the batch's digests.

local REPLAYED = 128
local records, recorded = {}, {}

local function find_records(digests)
  local asked = {}
  for at = 1, #digests, N_digest do asked[#asked + 1] = string.sub(digests, at, at + N_digest - 1) end
  local bucket = math.floor(now / N_bucket)
  for age = 0, N_kept / N_bucket do
    local found = call('HMGET', T .. K_idempotency .. (bucket - age), unpack(asked))
    for i, digest in ipairs(asked) do records[digest] = records[digest] or found[i] or nil end
  end
end

local function save()
  if #recorded == 0 then return end
  local bucket = math.floor(now / N_bucket)
  local key = T .. K_idempotency .. bucket
  -- Refusals alone may meet a full Redis here; their record is a convenience, an answer is not.
  local reply = redis.pcall('HSET', key, unpack(recorded))
  if type(reply) ~= 'table' then
    call('PEXPIREAT', key, (bucket + 1) * N_bucket + N_kept, 'NX')
  end
end

local function knows(digest) return records[digest] end

local function replay(digest, body)
  local record = records[digest]
  if not record then return nil end
  if string.sub(record, 1, N_body) ~= body then return pack(OUTCOME, C_idempotency_mismatch, 0, 0, mem.pos, 0, 0, 0, 0, 0, 0) end
  local code, flags = string.byte(record, N_body + 1, N_body + 2)
  return string.char(code, flags + REPLAYED) .. string.sub(record, N_body + 3)
end

-- Kept is what the mutation itself decided, not what depends on the moment or on the request.
local function record(digest, body, answer)
  local code = string.byte(answer, 1)
  if code ~= C_ok and code ~= C_settings_conflict and code ~= C_not_empty and code ~= C_system_cap
    and code ~= C_token_limit and code ~= C_thread_full then return end
  local kept = body .. answer
  records[digest] = kept
  recorded[#recorded + 1] = digest
  recorded[#recorded + 1] = kept
end

-- Tells in the kept answer of a mutation of the flush that followed it: what is repeated is what was answered then. The
-- version and the total are the flush's, unless somebody else wrote in between.
local function amend(op, answer)
  local kept = records[op.digest]
  local code, flags, version, pos, _, _, removed, total, _, expires = unpack_from(OUTCOME, answer)
  if code ~= C_ok or band(flags, CHANGED) == 0 or not kept or string.sub(kept, 1, N_body) ~= op.body then return end
  local _, before, seen, place, g, first, count, there, evicted, until_ = unpack_from(OUTCOME, kept, N_body + 1)
  if seen == op.version then seen, place, there, until_ = version, pos, total, expires end
  local _, freed = unpack_from('<I8i8', answer, #answer - 15)
  records[op.digest] = op.body .. pack(OUTCOME, C_ok, before, seen, place, g, first, count, there, evicted, until_)
    .. pack('<BI4i8', op.a, removed, freed)
  recorded[#recorded + 1] = op.digest
  recorded[#recorded + 1] = records[op.digest]
end

find_records(ARGV[3])
return {amend = amend, knows = knows, replay = replay, record = record, save = save}
