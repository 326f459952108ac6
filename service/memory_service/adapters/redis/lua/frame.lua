-- Module: the frame of every mutation: what was asked before, the thread as it is, the guards, then the operation's row.

local MATCH, ABSENT, FLUSH, AMENDS = 1, 2, 11, 16
local present = unpack_header(string.rep('\0', SHORT_SIZE))

local function run(op)
  local amends = op.kind == FLUSH and band(op.flags, AMENDS) ~= 0
  if op.digest and not amends then
    local again = keyed.replay(op.digest, op.body)
    if again then return again end
  end
  local h, dead = load(op.thread, op.key, present)
  if h and overdue(h) then purge().purge(h, op.thread) end
  if band(op.flags, MATCH) ~= 0 and (h and h.version or 0) ~= op.version then return outcome(C_version_mismatch, 0, h) end
  if band(op.flags, ABSENT) ~= 0 and h then return outcome(C_exists, 0, h) end
  op.absent = not h
  local answer = apply(op, h, dead)
  if op.digest and amends then
    keyed.amend(op, answer)
  elseif op.digest and not op.dry then
    keyed.record(op.digest, op.body, answer)
  end
  return answer
end

-- A failure inside one operation is that operation's alone: Redis out of memory, or a thread whose keys are damaged. The
-- answer is an error reply then, and the header stays what it was.
local function guarded(op)
  local before, size = latest[op.key], #writes
  local done, answer = pcall(run, op)
  if done then return answer end
  latest[op.key] = before
  for i = #writes, size + 1, -1 do writes[i] = nil end
  return {err = type(answer) == 'table' and answer.err or tostring(answer)}
end

return {guarded = guarded}
