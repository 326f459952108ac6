-- A thread's header between its packed forms and its values, in one order everywhere.

local function unpack_values(raw)
  if #raw ~= SHORT_SIZE then return unpack_from(HEADER, raw) end
  local g, versions, expires, created, age, seq, tokens, bytes, flags = unpack_from(SHORT, raw)
  return g, g + versions, expires, created, created + age, 0, seq, seq, 0, tokens, bytes, 0, 0, flags
end

local function pack_values(g, version, expires, created, updated, next_due, seq, n, y, tokens, bytes, ttl, max, flags)
  local age = updated - created
  if n == seq and max == 0 and y == 0 and next_due == 0 and ttl == 0 and age >= 0 and age < FIVE_BYTES
    and tokens < 4294967296 then
    return pack(SHORT, g, version - g, expires, created, age, seq, tokens, bytes, flags)
  end
  return pack(HEADER, g, version, expires, created, updated, next_due, seq, n, y, tokens, bytes, ttl, max, flags)
end
