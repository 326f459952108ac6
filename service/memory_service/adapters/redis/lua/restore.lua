-- Module: the row that brings a backup back.

local whole = find().whole

-- The messages of a backup that still live, or that the thread's pin keeps, in their order, under new ids: a seq never comes again.
local function saved(h, key)
  local messages, dues, b = {}, {}, batch(h)
  for _, suffix in ipairs({':l', ':y'}) do
    for _, item in ipairs(call('LRANGE', key .. suffix, 0, -1)) do
      local tokens, seq, tail = string.match(item, '^{"tokens":(%d+),"id":"%d+%-(%d+)",(.*)$')
      if whole(item) then messages[#messages + 1] = {tonumber(seq), tonumber(tokens), tail, suffix == ':y'} end
    end
  end
  table.sort(messages, function(one, other) return one[1] < other[1] end)
  local expiring = call('ZRANGE', key .. ':x', 0, -1, 'WITHSCORES')
  for i = 1, #expiring, 2 do dues[tonumber(expiring[i])] = tonumber(expiring[i + 1]) end
  for _, message in ipairs(messages) do
    local due = dues[message[1]]
    if not due or due > now or band(h.flags, PINNED) ~= 0 then add(b, h, message[3], message[2], message[4], due) end
  end
  return b
end

local function restore(op, h, dead)
  local key = T .. K_backup .. ARGV[op.extra]
  local raw = call('GET', key)
  if not raw or cmsgpack.unpack(raw).thread ~= op.thread then return outcome(C_backup_not_found, 0, h) end
  if h and h.n + h.y > 0 then return outcome(C_not_empty, 0, h) end
  local at = h or newborn(op.partition)
  local b = saved(at, key)
  op.count = #b.items + #b.systems
  local answer = put(op, at, dead, b, false)
  if string.byte(answer, 1) == C_ok and not op.dry then
    call('UNLINK', key, key .. ':l', key .. ':y', key .. ':x')
    call('ZREM', T .. K_backups, ARGV[op.extra])
  end
  return answer
end

return {restore = restore}
