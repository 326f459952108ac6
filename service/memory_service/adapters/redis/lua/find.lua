-- Module: finding a message by its seq in a list that is ordered by seq but may have holes.

local function seq_at(list, index)
  local item = call('LINDEX', list, index)
  if not item then return nil end
  return tonumber(string.match(item, '^{"tokens":%d+,"id":"%d+%-(%d+)"')), item
end

-- Index of the first message with seq >= wanted (n when there is none), and that message if it was looked at.
local function lower_bound(list, n, wanted)
  if n == 0 then return 0 end
  local first, item = seq_at(list, 0)
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
    if seq_at(list, middle) < wanted then low = middle + 1 else high = middle end
  end
  return low
end

-- Index and stored bytes of the message with exactly that seq, or nil.
local function locate(list, n, wanted)
  local index = lower_bound(list, n, wanted)
  if index >= n then return nil end
  local seq, item = seq_at(list, index)
  if seq == wanted then return index, item end
  return nil
end

return {locate = locate, lower_bound = lower_bound}
