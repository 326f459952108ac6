-- Outcomes (OUTCOME, in base.lua) of a thread in a table.

-- `h` is the thread as it is now (on a dry run, with the old version), nil when it is absent.
local function outcome(code, flags, h, first, stored, evicted)
  if not h then
    return pack(OUTCOME, code, flags, 0, mem.pos, 0, first or 0, stored or 0, 0, evicted or 0, 0)
  end
  return pack(OUTCOME, code, flags, h.version, mem.pos, h.g, first or 0, stored or 0, h.n + h.y, evicted or 0, expiry(h))
end

-- 1 threads, 2 bytes.
local function over_quota(h, quota, used, limit)
  return outcome(C_quota_exceeded, 0, h) .. pack('<BI8I8', quota, used, limit)
end
