-- Module: messages with an expiry of their own. What is due is removed, counted and told to the index.

local MOST_PURGED = 1000
local locate = find().locate

local function stored_in(h, thread, seq)
  local index, item = locate(T .. K_log .. thread, h.n, seq)
  if index then return T .. K_log .. thread, item, 'n', index end
  index, item = locate(T .. K_system .. thread, h.y, seq)
  if index then return T .. K_system .. thread, item, 'y', index end
end

-- Takes one message out of the counts; the caller saves the header.
local function discount(h, item, which)
  local tokens = tonumber(string.match(item, '^{"tokens":(%d+)'))
  h[which], h.tokens, h.bytes = h[which] - 1, h.tokens - tokens, h.bytes - #item
  count(0, -1, -tokens, -#item)
end

local function take_out(h, list, item, which)
  call('LREM', list, 1, item)
  discount(h, item, which)
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

-- Takes messages out of their lists: marked first, then removed in one pass, since each removal alone walks the list.
local function sweep(h, found)
  local lists = {}
  for _, each in ipairs(found) do
    call('LSET', each.list, each.index, '')
    discount(h, each.item, each.which)
    lists[each.list] = true
  end
  for list in pairs(lists) do call('LREM', list, 0, '') end
end

-- Removes what is due, up to MOST_PURGED; the rest stays due. Answers how many messages went.
local function purge(h, thread)
  local due = call('ZRANGEBYSCORE', T .. K_due .. thread, '-inf', now, 'LIMIT', 0, MOST_PURGED)
  local found, gone = {}, {}
  for _, seq in ipairs(due) do
    local list, item, which, index = stored_in(h, thread, tonumber(seq))
    if list then
      found[#found + 1] = {list = list, index = index, item = item, which = which}
      gone[#gone + 1] = tonumber(seq)
    end
  end
  -- A removal first: a full Redis takes the rest after it.
  if #due > 0 then call('ZREM', T .. K_due .. thread, unpack(due)) end
  sweep(h, found)
  settle_due(h, thread)
  unnote(h, thread, gone)
  save(h, thread)
  if #gone > 0 then
    next_pos()
    emit_seqs(h, thread, gone)
    ended('messages', #gone)
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
