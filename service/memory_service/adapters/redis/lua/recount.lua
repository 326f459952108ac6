-- Counts a thread anew from its lists, and brings its header and the memory's counters in step with what is there.
-- KEYS: the memory, the thread's header. ARGV: run id and epoch. Answers 1 where something was wrong. The version stays: no
-- message changed.

local thread = string.sub(KEYS[2], #T + #K_header + 1)

local function measured(list)
  local length, tokens, bytes = call('LLEN', list), 0, 0
  for from = 0, length - 1, 1000 do
    for _, item in ipairs(call('LRANGE', list, from, from + 999)) do
      tokens, bytes = tokens + (string.match(item, '^{"tokens":(%d+)') or 0), bytes + #item
    end
  end
  return length, tokens, bytes
end

local h = load(thread)
if not h then return 0 end
local n, tokens, bytes = measured(T .. K_log .. thread)
local y, more_tokens, more_bytes = measured(T .. K_system .. thread)
tokens, bytes = tokens + more_tokens, bytes + more_bytes
if n == h.n and y == h.y and tokens == h.tokens and bytes == h.bytes then return 0 end
count(0, n + y - h.n - h.y, tokens - h.tokens, bytes - h.bytes)
mem.changed = true
h.n, h.y, h.tokens, h.bytes = n, y, tokens, bytes
save(h, thread)
save_memory()
return 1
