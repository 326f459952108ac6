-- A page of a thread, merged from its two lists in order of seq.
-- KEYS: the memory, the thread's header. ARGV: packed question, role or '', since or '', until or ''.
-- Answers the header and TIME, then the next seq (0 at the end, -1 when the incarnation asked for is gone), how many damaged
-- entries were passed over, and the messages.

local AFTER, BEFORE, NEWEST_FIRST = 1, 2, 4
local flags, limit, most_bytes, scan, incarnation, after_seq, before_seq = unpack_from('<BI4I4I4I8I8I8', ARGV[1])
local ROLE, SINCE, UNTIL = ARGV[2], ARGV[3], ARGV[4]
local CHUNK = 200

local finding = find()
local lower_bound, whole = finding.lower_bound, finding.whole
local thread = string.sub(KEYS[2], #T + #K_header + 1)
local raw = call('GET', KEYS[2])
local h = load(thread)
if not h then
  return {false, now, (flags % 4 ~= 0) and -1 or 0, 0}
end
if flags % 4 ~= 0 and incarnation ~= h.g then return {raw, now, -1, 0} end

local log, system = T .. K_log .. thread, T .. K_system .. thread
local low = band(flags, AFTER) ~= 0 and after_seq + 1 or 1
local high = band(flags, BEFORE) ~= 0 and before_seq - 1 or h.seq
local newest = band(flags, NEWEST_FIRST) ~= 0

local function wanted(item)
  if ROLE ~= '' and string.match(item, '^{"tokens":%d+,"id":"%d+%-%d+","role":"(%a+)"') ~= ROLE then return false end
  if SINCE == '' and UNTIL == '' then return true end
  -- Quotes inside the content are escaped, so the first match is the field itself; its width is fixed.
  local _, at = string.find(item, ',"timestamp":"', 1, true)
  local stamped = at and string.sub(item, at + 1, at + 24) or ''
  return stamped >= SINCE and (UNTIL == '' or stamped < UNTIL)
end

-- Yields messages of one list with low <= seq <= high, in the direction asked for, a chunk at a time; with each (and at the
-- end) how many damaged entries were passed over before it.
local function cursor(list, n)
  local from, upto = lower_bound(list, n, low), lower_bound(list, n, high + 1) - 1
  local items, at = {}, 0

  local function more()
    if newest then
      local start = math.max(from, upto - CHUNK + 1)
      local part = call('LRANGE', list, start, upto)
      items = {}
      for i = #part, 1, -1 do items[#items + 1] = part[i] end
      upto = start - 1
    else
      items = call('LRANGE', list, from, math.min(from + CHUNK - 1, upto))
      from = from + #items
    end
    at = 1
  end

  return function()
    local damaged = 0
    while true do
      at = at + 1
      if not items[at] and from <= upto then more() end
      if not items[at] then return nil, nil, damaged end
      local seq = whole(items[at])
      if seq then return seq, items[at], damaged end
      damaged = damaged + 1
    end
  end
end

local next_log = cursor(log, h.n)
local next_system = h.y > 0 and cursor(system, h.y) or function() return nil, nil, 0 end
local log_seq, log_item, log_damaged = next_log()
local system_seq, system_item, system_damaged = next_system()

local function take()
  local seq, item, damaged
  local system_turn = system_seq and (not log_seq or (system_seq < log_seq) ~= newest)
  if system_turn then
    seq, item, damaged = system_seq, system_item, system_damaged
    system_seq, system_item, system_damaged = next_system()
  elseif log_seq then
    seq, item, damaged = log_seq, log_item, log_damaged
    log_seq, log_item, log_damaged = next_log()
  end
  return seq, item, damaged
end

local answer, bytes, seen, last, damaged = {raw, now, 0, 0}, 0, 0, 0, 0
while true do
  local seq, item, passed_over = take()
  if seq then
    seen = seen + 1
    if wanted(item) then
      local full = #answer - 4 >= limit or (bytes + #item > most_bytes and #answer > 4)
      if full then break end
      answer[#answer + 1] = item
      bytes = bytes + #item
    end
    last, damaged = seq, damaged + passed_over
  end
  if not seq or (seen >= scan and not log_seq and not system_seq) then
    last, damaged = 0, damaged + log_damaged + system_damaged
    break
  end
  if seen >= scan then break end
end
answer[3], answer[4] = last, damaged
return answer
