-- Module: finding a message by its seq in a list that is ordered by seq but may have holes.

local SEQ = '^{"tokens":%d+,"id":"%d+%-(%d+)"'

local function seq_at(list, index)
  local item = call('LINDEX', list, index)
  if not item then return nil end
  return tonumber(string.match(item, SEQ)), item
end

-- The seq of stored bytes that begin and end as a message does, so that nobody hands out what is none; else nil.
local function whole(item)
  return string.byte(item, -1) == 125 and tonumber(string.match(item, SEQ)) or nil
end

-- What the search below answers, found by looking at every entry; damaged ones in front of a message go with it.
local function walk(list, n, wanted)
  local behind = 0
  for from = 0, n - 1, 200 do
    for i, item in ipairs(call('LRANGE', list, from, math.min(from + 199, n - 1))) do
      local seq = tonumber(string.match(item, SEQ))
      if seq and seq >= wanted then return behind end
      if seq then behind = from + i end
    end
  end
  return n
end

-- Index of the first message with seq >= wanted (n when there is none), and that message if it was looked at.
local function lower_bound(list, n, wanted)
  if n == 0 then return 0 end
  local first, item = seq_at(list, 0)
  if not first then return walk(list, n, wanted) end
  if wanted <= first then return 0, item end
  local low, high = 1, math.min(n, wanted - first)   -- seqs rise by one at least
  -- Without holes it is exactly there; ask first.
  if high < n then
    local seq
    seq, item = seq_at(list, high)
    if seq == wanted then return high, item end
  end
  while low < high do
    local middle = math.floor((low + high) / 2)
    local seq = seq_at(list, middle)
    if not seq then return walk(list, n, wanted) end
    if seq < wanted then low = middle + 1 else high = middle end
  end
  return low
end

-- Index and stored bytes of the message with exactly that seq, or nil.
local function locate(list, n, wanted)
  for index = lower_bound(list, n, wanted), n - 1 do
    local seq, item = seq_at(list, index)
    if seq == wanted then return index, item end
    if seq then return nil end
  end
  return nil
end

return {locate = locate, lower_bound = lower_bound, whole = whole}
