-- One bounded step of erasing an owner, or of looking for what is left of one.
-- KEYS: the memory. ARGV: run id and epoch; '1' to erase or '0' to look; the owner; how many threads and how many backups;
-- where to go on in the backups, the newest first.
-- Answers messages, documents and backups found; threads left; where to go on or -1; the position; incarnations erased.

local erasing, owner, most, from = ARGV[2] == '1', ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local graves = burial()
local owned, document = T .. K_owned .. owner, T .. K_owner_document .. owner
local messages, documents, backups, gone = 0, call('EXISTS', document), 0, {}

local function forget(thread)
  local h, dead = load(thread)
  h = h or dead
  if h and settings_of(h, thread).owner == owner then
    messages = messages + h.n + h.y
    if band(h.flags, DOCUMENT) ~= 0 then documents = documents + 1 end
    if not erasing then return end
    gone[#gone + 1] = h.g
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

for _, thread in ipairs(call('ZRANGE', owned, 0, most - 1)) do forget(thread) end
if erasing then
  call('UNLINK', document)
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
if #ids == most then after = from + #ids - (erasing and backups or 0) end
save_memory()
return {messages, documents, backups, call('ZCARD', owned), after, mem.pos, unpack(gone)}
