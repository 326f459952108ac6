-- Moving a thread's expiry, with everything that carries it.

local function lifetime(h)
  if band(h.flags, OWN_TTL) ~= 0 then return h.ttl end
  return TTL
end

-- The expiry after a refresh, which never shortens.
local function refreshed(h)
  local ttl = lifetime(h)
  if h.expires == 0 then
    if REQUIRED == 0 then return 0 end
    -- A thread that must expire and does not is put right; never into the past, which would remove it unseen.
    local at = after(h, ttl ~= 0 and ttl or TTL)
    return at ~= 0 and math.max(at, now + 1000) or 0
  end
  if ttl == 0 then return h.expires end
  return math.max(h.expires, after(h, ttl))
end

local function score(h)
  if band(h.flags, PINNED) ~= 0 then return PINNED_SCORE end
  if h.expires == 0 then return NEVER end
  return h.expires
end

-- Carries a moved expiry, or a pin, to the indexes and to every content key.
local function spread(h, thread)
  call('ZADD', T .. K_expiries, score(h), thread)
  if h.next_due ~= 0 and band(h.flags, PINNED) == 0 then call('ZADD', T .. K_message_expiries, h.next_due, thread) end
  if h.n > 0 then stamp(h, T .. K_log .. thread) end
  if h.y > 0 then stamp(h, T .. K_system .. thread) end
  if band(h.flags, DOCUMENT) ~= 0 then stamp(h, T .. K_document .. thread) end
  if band(h.flags, ACCESSES) ~= 0 then stamp(h, T .. K_accesses .. thread) end
end

-- Refresh on a write, if the policy says so. True when the expiry moved; the caller spreads it.
local function refresh(h)
  if REFRESH == REFRESH_NEVER and REQUIRED == 0 then return false end
  if band(h.flags, PINNED) ~= 0 then return false end
  local at = refreshed(h)
  if at == h.expires then return false end
  if REFRESH == REFRESH_NEVER and h.expires ~= 0 then return false end
  h.expires = at
  return true
end
