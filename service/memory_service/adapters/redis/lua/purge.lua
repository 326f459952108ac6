-- Module: messages with an expiry of their own. What is due is removed, counted and told to the index.

local MOST_PURGED = 1000
local locate = find().locate

local function stored_in(h, thread, seq)
  local index, item = locate(T .. K_log .. thread, h.n, seq)
  if index then return T .. K_log .. thread, item, 'n' end
  index, item = locate(T .. K_system .. thread, h.y, seq)
  if index then return T .. K_system .. thread, item, 'y' end
end

-- Takes one message out of its list and out of the counts; the caller saves the header.
local function take_out(h, list, item, which)
  call('LREM', list, 1, item)
  local tokens = tonumber(string.match(item, '^{"tokens":(%d+)'))
  h[which], h.tokens, h.bytes = h[which] - 1, h.tokens - tokens, h.bytes - #item
  count(0, -1, -tokens, -#item)
end

-- Brings the header and the index of message expiries in step with the thread's own list of them.
local function settle_due(h, thread)
  local first = call('ZRANGE', T .. K_due .. thread, 0, 0, 'WITHSCORES')
  h.next_due = first[2] and tonumber(first[2]) or 0
  if h.next_due == 0 then
    call('ZREM', T .. K_message_expiries, thread)
  else
    call('ZADD', T .. K_message_expiries, h.next_due, thread)
  end
end

-- Removes what is due, up to MOST_PURGED; the rest stays due. Answers how many messages went.
local function purge(h, thread)
  local due = call('ZRANGEBYSCORE', T .. K_due .. thread, '-inf', now, 'LIMIT', 0, MOST_PURGED)
  local gone = {}
  for _, seq in ipairs(due) do
    seq = tonumber(seq)
    local list, item, which = stored_in(h, thread, seq)
    if list then
      take_out(h, list, item, which)
      gone[#gone + 1] = seq
    end
  end
  if #due > 0 then call('ZREM', T .. K_due .. thread, unpack(due)) end
  settle_due(h, thread)
  unnote(h, thread, gone)
  save(h, thread)
  if #gone > 0 then
    next_pos()
    emit_seqs(h, thread, gone)
  end
  return #gone
end

-- Keeps the expiries of a batch that was put into the thread.
local function note_dues(h, thread, b)
  for from = 1, #b.dues, 4000 do
    call('ZADD', T .. K_due .. thread, unpack(b.dues, from, math.min(from + 3999, #b.dues)))
  end
  call('ZADD', T .. K_message_expiries, h.next_due, thread)
end

return {purge = purge, stored_in = stored_in, take_out = take_out, settle_due = settle_due, note_dues = note_dues}
