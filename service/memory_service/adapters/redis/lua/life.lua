-- Birth of a thread's incarnation, with every index it is in.

-- A header in memory only; `enter` makes it known.
local function newborn(partition)
  local h = {g = mem.pos + 1, version = 0, expires = 0, created = now, updated = now, next_due = 0, seq = 0, n = 0, y = 0,
    tokens = 0, bytes = 0, ttl = 0, max = 0, flags = partition * 64}
  h.expires = after(h, TTL)
  return h
end

local function enter(h, thread)
  call('ZADD', T .. K_ids, 0, thread)
  call('XADD', T .. K_created, h.g .. '-0', 't', thread)
  mem.threads = mem.threads + 1
end
