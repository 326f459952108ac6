-- Rows that bring messages: append, replace.

local function append(op, h, dead)
  if op.count == 0 then return outcome(C_ok, 0, h) end
  local at = h or newborn(op.partition)
  local b = drafted(op, at)
  if not b then return outcome(C_invalid_ttl, 0, h) end
  return put(op, at, dead, b, false)
end

local function replace(op, h, dead)
  if op.count == 0 then return removal().clear(op, h) end
  local at = h or newborn(op.partition)
  local b = drafted(op, at)
  if not b then return outcome(C_invalid_ttl, 0, h) end
  return put(op, at, dead, b, true)
end
