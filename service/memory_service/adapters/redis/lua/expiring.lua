-- A step through the threads in order of expiry. KEYS: the memory. ARGV: score and thread to go on after ('' to begin),
-- lowest score, highest score, how many. Answers TIME, then thread and score by turns.

local score, thread, lowest, highest, most = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local index = T .. K_expiries

-- Redis orders members of one score by their bytes; Lua would order them by locale.
local function precedes(one, other)
  for i = 1, math.min(#one, #other) do
    local a, b = string.byte(one, i), string.byte(other, i)
    if a ~= b then return a < b end
  end
  return #one < #other
end

-- Rank of the first member behind (score, thread). The member itself may have moved or gone.
local function behind()
  local low = call('ZCOUNT', index, '-inf', '(' .. score)
  local high = call('ZCOUNT', index, '-inf', score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local member = call('ZRANGE', index, middle, middle)[1]
    if precedes(thread, member) then high = middle else low = middle + 1 end
  end
  return low
end

local from = score ~= '' and behind() or call('ZCOUNT', index, '-inf', '(' .. lowest)
local upto = call('ZCOUNT', index, '-inf', highest) - 1
local rows = {now}
if from <= upto then
  for _, value in ipairs(call('ZRANGE', index, from, math.min(upto, from + most - 1), 'WITHSCORES')) do
    rows[#rows + 1] = value
  end
end
return rows
