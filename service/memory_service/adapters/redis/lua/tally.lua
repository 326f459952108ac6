-- Adds messages up by role and by day, a bounded step at a time, thread by thread in order of id.
-- KEYS: the memory. ARGV: where to go on: thread ('' to begin), list (0 log, 1 system), seq to go on after; the one thread
-- that is asked for, or ''; most messages and threads to look at, most bytes.
-- Answers where to go on (thread '' at the end), how many were looked at, the last thread's version, threads begun,
-- messages, tokens, damaged entries, oldest and newest timestamp, then by turns a group ('r' and a role, 'd' and a day), its messages, its tokens.

local from_thread, from_list, from_seq, only = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local most, most_bytes = tonumber(ARGV[5]), tonumber(ARGV[6])
local STEP, LONGEST = 100, 200
local threads, messages, tokens, damaged, looked, bytes = 0, 0, 0, 0, 0, 0
local oldest, newest, version, groups, names = '', '', 0, {}, {}

local function add(name, cost)
  local group = groups[name]
  if not group then
    group = {0, 0}
    groups[name], names[#names + 1] = group, name
  end
  group[1], group[2] = group[1] + 1, group[2] + cost
end

-- Seqs whose own time has come; nil when there are none.
local function due_seqs(h, thread)
  if not overdue(h) then return nil end
  local due = {}
  for _, seq in ipairs(call('ZRANGEBYSCORE', T .. K_due .. thread, '-inf', now)) do due[seq] = true end
  return due
end

-- Answers the seq, or nil for an entry that nobody can read.
local function take(item, due)
  local cost, seq, role = string.match(item, '^{"tokens":(%d+),"id":"%d+%-(%d+)","role":"(%a+)"')
  -- Quotes inside the content are escaped, so the first match is the field itself; its width is fixed.
  local _, at = string.find(item, ',"timestamp":"', 1, true)
  if not seq or not at then
    damaged = damaged + 1
    return nil
  end
  if due and due[seq] then return tonumber(seq) end
  local stamp = string.sub(item, at + 1, at + 24)
  cost = tonumber(cost)
  messages, tokens = messages + 1, tokens + cost
  if oldest == '' or stamp < oldest then oldest = stamp end
  if stamp > newest then newest = stamp end
  add('r' .. role, cost)
  add('d' .. string.sub(stamp, 1, 10), cost)
  return tonumber(seq)
end

-- Looks through one list from behind `after` on. Answers true at its end, else the seq to go on after.
local function walk(list, n, after, chunk, due)
  if n == 0 then return true end
  local at = 0
  if after > 0 then
    local found, index = pcall(find().lower_bound, list, n, after + 1)
    if not found then   -- a damaged entry hides where to go on
      damaged = damaged + 1
      return true
    end
    at = index
  end
  local last = after
  while true do
    local items = call('LRANGE', list, at, at + chunk - 1)
    for _, item in ipairs(items) do
      last = take(item, due) or last
      bytes = bytes + #item
    end
    looked, at = looked + #items, at + #items
    if at >= n or #items == 0 then return true end
    if (looked >= most or bytes >= most_bytes) and last > after then return last end
  end
end

-- Looks through one thread. Answers nothing at its end, else the list and the seq to go on after.
local function visit(thread, list, seq)
  local h, begun = load(thread), list == 0 and seq == 0
  if begun then looked = looked + 1 end   -- an expired one costs a look too
  if not h then return end
  version = h.version
  if begun then threads = threads + 1 end
  local due = due_seqs(h, thread)
  local chunk = math.max(1, math.min(LONGEST, math.floor(most_bytes * (h.n + h.y) / (4 * math.max(1, h.bytes)))))
  if list == 0 then
    local done = walk(T .. K_log .. thread, h.n, seq, chunk, due)
    if done ~= true then return 0, done end
    seq = 0
  end
  local done = walk(T .. K_system .. thread, h.y, seq, chunk, due)
  if done ~= true then return 1, done end
end

local function answer(thread, list, seq)
  local out = {thread, list, seq, looked, version, threads, messages, tokens, damaged, oldest, newest}
  for _, name in ipairs(names) do
    local group = groups[name]
    out[#out + 1], out[#out + 2], out[#out + 3] = name, group[1], group[2]
  end
  return out
end

local function all()
  local list, seq
  if from_thread ~= '' and (from_list ~= 0 or from_seq ~= 0) then
    list, seq = visit(from_thread, from_list, from_seq)
    if list then return answer(from_thread, list, seq) end
  end
  local last = from_thread
  while true do
    local ids = call('ZRANGEBYLEX', T .. K_ids, last == '' and '-' or '(' .. last, '+', 'LIMIT', 0, STEP)
    if #ids == 0 then return answer('', 0, 0) end
    for _, thread in ipairs(ids) do
      if looked >= most or bytes >= most_bytes then return answer(last, 0, 0) end
      list, seq = visit(thread, 0, 0)
      if list then return answer(thread, list, seq) end
      last = thread
    end
  end
end

if only == '' then return all() end
local list, seq = visit(only, from_list, from_seq)
if list then return answer(only, list, seq) end
return answer('', 0, 0)
