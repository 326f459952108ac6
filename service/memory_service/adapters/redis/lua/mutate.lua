-- One script for every mutation: up to 32 operations of one memory, in order, each on its own.
-- KEYS: the memory, then the header of each operation's thread. The other keys derive from the same tag, thus slot.
-- ARGV: run id and epoch, policy, digests of the keyed operations, then the operations as codec.py packs them.

local MATCH, ABSENT, DRY, KEYED = 1, 2, 4, 8
local FULL, DAMAGED = 254, 255

local present = unpack_header(string.rep('\0', SHORT_SIZE))
local keyed = #ARGV[3] > 0 and idempotency()

local function run(op)
  if op.digest then
    local again = keyed.replay(op)
    if again then return again end
  end
  local h, dead = load(op.thread, op.key, present)
  if h and h.next_due ~= 0 and h.next_due <= now then purge().purge(h, op.thread) end
  if band(op.flags, MATCH) ~= 0 and (h and h.version or 0) ~= op.version then return outcome(C_version_mismatch, 0, h) end
  if band(op.flags, ABSENT) ~= 0 and h then return outcome(C_exists, 0, h) end
  op.absent = not h
  local answer = apply(op, h, dead)
  if op.digest then keyed.record(op, answer) end
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

local answers, at = {mem.epoch}, 4
local op = {key = false, thread = false, head = false, kind = 0, flags = 0, partition = 0, count = 0, extra = 0, version = 0,
  a = 0, b = 0, c = 0, dry = false, absent = false, digest = false, body = false}
for i = 2, #KEYS do
  local key, head = KEYS[i], ARGV[at]
  local flags, extras
  op.key, op.thread, op.head, op.digest = key, string.sub(key, #T + #K_header + 1), head, false
  op.kind, flags, op.partition, op.count, extras, op.version, op.a, op.b, op.c = unpack_from('<BBBI2I2I8I8I8I8', head)
  op.flags, op.dry = flags, band(flags, DRY) ~= 0
  at = at + 1
  if band(flags, KEYED) ~= 0 then
    op.digest, op.body = string.sub(ARGV[at], 1, N_digest), string.sub(ARGV[at], N_digest + 1)
    at = at + 1
  end
  op.extra = at
  at = at + extras
  answers[i] = guarded(op)
end
save_memory()
if keyed then keyed.save() end
return answers
