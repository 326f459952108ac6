-- Module: the row that a flush ends in: chosen messages leave, a summary may come in their place. The caller's version guards it.

local locate = find().locate

-- Where the messages with these rising seqs are: a list of {list, index, item, 'n' or 'y'}. What expired meanwhile is left out.
local function found_in(h, thread, packed)
  local log, system, found = T .. K_log .. thread, T .. K_system .. thread, {}
  for at = 1, #packed, 4 do
    local seq = unpack_from('<I4', packed, at)
    local index, item = locate(log, h.n, seq)
    if index then
      found[#found + 1] = {log, index, item, 'n', seq}
    else
      index, item = locate(system, h.y, seq)
      if index then found[#found + 1] = {system, index, item, 'y', seq} end
    end
  end
  return found
end

-- Takes found messages out of their lists: cut off where they are the oldest, else marked first and removed in one pass.
local function take_all(h, thread, found)
  local log, first, marked = T .. K_log .. thread, true, {}
  for i, each in ipairs(found) do
    if each[1] ~= log or each[2] ~= i - 1 then first = false end
  end
  if first then return call('LTRIM', log, #found, -1) end
  for _, each in ipairs(found) do
    call('LSET', each[1], each[2], '')
    marked[each[1]] = true
  end
  for list in pairs(marked) do call('LREM', list, 0, '') end
end

local function forget_dues(h, thread, found)
  if h.next_due == 0 then return end
  local gone = 0
  for _, each in ipairs(found) do gone = gone + call('ZREM', T .. K_due .. thread, each[5]) end
  if gone > 0 then purge().settle_due(h, thread) end
end

local function answer_flush(op, flags, h, before, summarised, removed)
  return outcome(C_ok, flags, h, summarised and h.seq or 0, removed, 0) .. pack('<I8i8', h and h.tokens or 0, before - (h and h.tokens or 0))
end

-- ARGV from op.extra on: seqs that leave, the record that readers see as last_flush, and the summary's tail if there is one, of
-- op.b tokens. Answers the thread's tokens and how many fewer they are.
local function flush(op, h)
  if not h then return answer_flush(op, 0, nil, 0, false, 0) end
  local thread, before = op.thread, h.tokens
  local found, summarised = found_in(h, thread, ARGV[op.extra]), op.extras == 3
  if #found == 0 then return answer_flush(op, 0, h, before, false, 0) end
  local b, seqs, bytes, system_was_empty = batch(h), {}, 0, h.y == 0
  if summarised then add(b, h, ARGV[op.extra + 2], op.b, true) end
  local removed = 0
  for i, each in ipairs(found) do
    local item, which = each[3], each[4]
    seqs[i] = each[5]
    bytes = bytes + #item
    h.tokens = h.tokens - tonumber(string.match(item, '^{"tokens":(%d+)'))
    h[which] = h[which] - 1
    if which == 'n' then removed = removed + 1 end
  end
  if summarised and h.y + 1 > SYSTEM_CAP then return outcome(C_system_cap, 0, h) end
  h.seq, h.y, h.tokens, h.bytes = b.seq, h.y + #b.systems, h.tokens + b.tokens, h.bytes - bytes + b.bytes
  local moved = refresh(h)
  local flags = CHANGED + (moved and REFRESHED or 0)
  if op.dry then return answer_flush(op, flags, h, before, summarised, removed) end

  h.version, h.updated = next_pos(), now
  save_first(h, thread)
  local kept = settings_of(h, thread)
  kept.flush = ARGV[op.extra + 1]
  settings().store_settings(h, thread, kept)
  take_all(h, thread, found)
  push(T .. K_system .. thread, b.systems)
  forget_dues(h, thread, found)
  unnote(h, thread, seqs)
  save(h, thread)
  if moved then
    spread(h, thread)
  elseif system_was_empty and h.y > 0 then
    stamp(h, T .. K_system .. thread)
  end
  count(0, #b.systems - #found, h.tokens - before, b.bytes - bytes)
  emit_seqs(h, thread, seqs)
  if summarised then emit_add(h.flags, h.g, thread, 0, h.seq, h.seq, 0) end
  return answer_flush(op, flags, h, before, summarised, removed)
end

return {flush = flush}
