-- Which of some messages live and may be seen, at one instant, with their stored bytes and neighbours.
-- KEYS: the memory. ARGV: audience flags, thread, owner, before, after; then thread, incarnation and seq of each.
-- Answers for each: false, or {owner or false, the message's place, the messages}. Neighbours are of its own list.

local ANY_OWNER, OWNERLESS, ONE_THREAD, ONE_OWNER = 1, 2, 4, 8
local flags, only_thread, only_owner = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local before, after = tonumber(ARGV[4]), tonumber(ARGV[5])
local known = {}
local finding = find()
local locate, whole = finding.locate, finding.whole

local function visible(owner)
  if band(flags, ANY_OWNER) ~= 0 then return true end
  if not owner then return band(flags, OWNERLESS) ~= 0 end
  return band(flags, ONE_OWNER) ~= 0 and owner == only_owner
end

-- The thread's header and owner, or false when it is gone or not for this audience.
local function open(thread)
  local entry = known[thread]
  if entry ~= nil then return entry end
  entry = false
  if band(flags, ONE_THREAD) == 0 or thread == only_thread then
    local h = load(thread)
    if h then
      local owner = settings_of(h, thread).owner
      if visible(owner) then entry = {h = h, owner = owner, due = {}} end
    end
  end
  known[thread] = entry
  return entry
end

local function is_due(entry, thread, seq)
  if not overdue(entry.h) then return false end
  local at = call('ZSCORE', T .. K_due .. thread, seq)
  return at and tonumber(at) <= now
end

local function found(entry, thread, seq)
  if is_due(entry, thread, seq) then return false end
  local list, n = T .. K_log .. thread, entry.h.n
  local index, item = locate(list, n, seq)
  if not index and entry.h.y > 0 then
    list, n = T .. K_system .. thread, entry.h.y
    index, item = locate(list, n, seq)
  end
  if not index or not whole(item) then return false end
  if before == 0 and after == 0 then return {entry.owner or false, 0, item} end
  local start = math.max(0, index - before)
  local answer, place = {entry.owner or false, 0}, 0
  for i, neighbour in ipairs(call('LRANGE', list, start, index + after)) do
    local hit = start + i - 1 == index
    local beside = whole(neighbour)
    if hit then place = #answer - 2 end
    if hit or beside and not is_due(entry, thread, beside) then answer[#answer + 1] = neighbour end
  end
  answer[2] = place
  return answer
end

local answers = {}
for at = 6, #ARGV, 3 do
  local thread, g, seq = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local entry = open(thread)
  answers[#answers + 1] = entry and entry.h.g == g and found(entry, thread, seq) or false
end
return answers
