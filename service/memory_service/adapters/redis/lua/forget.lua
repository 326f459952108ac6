-- One bounded step of erasing an owner, or of looking for what is left of one.
-- KEYS: the memory. ARGV: run id and epoch; '1' to erase or '0' to look; the owner; how many threads and how many backups;
-- where to go on in the backups, the newest first, and when looking in the threads too.
-- Answers messages, documents and backups found; threads left; where to go on or -1; the position; incarnations found.

local erasing, owner, most, from = ARGV[2] == '1', ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local graves = burial()
local owned, document = T .. K_owned .. owner, T .. K_owner_document .. owner
local messages, documents, backups, gone = 0, 0, 0, {}
if erasing or from == 0 then documents = call('EXISTS', document) end

local function forget(thread)
  local h, dead = load(thread)
  h = h or dead
  if h and settings_of(h, thread).owner == owner then
    messages = messages + h.n + h.y
    if band(h.flags, DOCUMENT) ~= 0 then documents = documents + 1 end
    gone[#gone + 1] = h.g
    if not erasing then return end
    if h == dead then
      ended('threads', 1)
      ended('messages', h.n + h.y)
    end
    next_pos()
    graves.remove(h, thread)
    emit(h, GONE, thread)
  end
  if erasing then call('ZREM', owned, thread) end
end

local first = erasing and 0 or from   -- what is erased leaves the index, so the next ones are in front
local threads = call('ZRANGE', owned, first, first + most - 1)
for _, thread in ipairs(threads) do forget(thread) end
if erasing then
  call('UNLINK', document)
  call('ZREM', T .. K_owner_expiries, owner)
  if call('EXISTS', owned) == 0 then call('ZREM', T .. K_owners, owner) end
end

-- A backup that expired has no header any more; the reaper takes it off the list.
local ids = call('ZRANGE', T .. K_backups, from, from + most - 1, 'REV')
for _, id in ipairs(ids) do
  local key = T .. K_backup .. id
  local raw = call('GET', key)
  if raw and cmsgpack.unpack(raw).owner == owner then
    backups = backups + 1
    if erasing then
      call('UNLINK', key, key .. ':l', key .. ':y', key .. ':x')
      call('ZREM', T .. K_backups, id)
    end
  end
end

local after = -1
if erasing then
  if #ids == most then after = from + #ids - backups end
elseif #ids == most or #threads == most then
  after = from + most
end
save_memory()
return {messages, documents, backups, call('ZCARD', owned), after, mem.pos, unpack(gone)}
