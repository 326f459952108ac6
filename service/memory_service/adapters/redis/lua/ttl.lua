-- Module: rows that move expiries and nothing else. The version stays.

local purging = purge()
local MODE_SET, FOREVER, PIN_GIVEN, PIN_ON, INSTANT = 16, 32, 64, 128, 1

-- The later of two expiries, where none is the furthest.
local function later(one, other)
  if one == 0 or other == 0 then return 0 end
  return math.max(one, other)
end

-- The expiry asked for (0 none); nil when it lies in the past.
local function asked(op, value, ttl_is_instant)
  if band(op.flags, FOREVER) ~= 0 then return 0 end
  if not ttl_is_instant then return now + value end
  if value <= now then return nil end
  return value
end

-- Pins or unpins in the header. Unpinned, a thread gets the later of its stored expiry and now + ttl.
local function set_pin(h, on)
  if (band(h.flags, PINNED) ~= 0) == on then return false end
  if on then
    h.flags = bor(h.flags, PINNED)
    return true
  end
  h.flags = band(h.flags, bnot(PINNED))
  local ttl = lifetime(h)
  if h.expires == 0 then
    h.expires = after(h, ttl)
  elseif ttl ~= 0 then
    h.expires = later(h.expires, after(h, ttl))
  end
  return true
end

local function set_ttl(op, h)
  if not h then return outcome(C_thread_not_found, 0, nil) end
  local moved
  if band(op.flags, PIN_GIVEN) ~= 0 then
    moved = set_pin(h, band(op.flags, PIN_ON) ~= 0)
  else
    local at = asked(op, op.a, op.b == INSTANT)
    if not at or (at == 0 and REQUIRED ~= 0 and MAX_AGE == 0) then return outcome(C_invalid_ttl, 0, h) end
    at = bounded(h, at)
    if band(op.flags, MODE_SET) == 0 then at = later(h.expires, at) end
    if at ~= 0 and at <= now then return outcome(C_invalid_ttl, 0, h) end
    moved = at ~= h.expires
    h.expires = at
  end
  if moved and not op.dry then
    save(h, op.thread)
    spread(h, op.thread)
  end
  return outcome(C_ok, moved and CHANGED or 0, h)
end

-- A refresh because the thread was read, where the policy says so.
local function touch(op, h)
  if not h or REFRESH ~= REFRESH_READ or not refresh(h) then return outcome(C_ok, 0, h) end
  save(h, op.thread)
  spread(h, op.thread)
  return outcome(C_ok, CHANGED + REFRESHED, h)
end

-- Here the flag of a pin says that the number is an instant.
local function set_message_ttl(op, h)
  local thread, seq = op.thread, op.b
  if not h or h.g ~= op.a or not purging.stored_in(h, thread, seq) then return outcome(C_message_not_found, 0, h) end
  local at = asked(op, op.c, band(op.flags, PIN_GIVEN) ~= 0)
  if not at then return outcome(C_invalid_ttl, 0, h) end
  local present = tonumber(call('ZSCORE', T .. K_due .. thread, seq) or 0)
  if band(op.flags, MODE_SET) == 0 then at = later(present, at) end
  local moved = at ~= present
  if moved and not op.dry then
    if at == 0 then call('ZREM', T .. K_due .. thread, seq) else call('ZADD', T .. K_due .. thread, at, seq) end
    purging.settle_due(h, thread)
    save(h, thread)
  end
  -- The answer's expiry is the message's, in a header that is not kept.
  h.expires, h.flags = at, band(h.flags, bnot(PINNED))
  return outcome(C_ok, moved and CHANGED or 0, h)
end

return {set_ttl = set_ttl, touch = touch, set_message_ttl = set_message_ttl, set_pin = set_pin, later = later}
