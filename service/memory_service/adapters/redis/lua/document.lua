-- Sets or deletes a working-memory document, of a thread (which is created when absent) or of an owner.
-- KEYS: the memory. ARGV: run id and epoch, policy, 'thread' or 'owner', its name, partition, version seen or -1,
-- ttl of an owner's document in ms (0 none), '1' and the content to set or '0' to delete.

local OF_THREAD, name, partition, seen, ttl = ARGV[3] == 'thread', ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local deleting, content = ARGV[8] == '0', ARGV[9]

-- `version` is the document's own; the rest of the answer is the thread's, where there is one.
local function answer(code, flags, version, h)
  return pack(OUTCOME, code, flags, version, mem.pos, h and h.g or 0, 0, 0, 0, 0, h and expiry(h) or 0)
end

local function present(key) return tonumber(call('HGET', key, 'version') or 0) end

local function write(key, version) call('HSET', key, 'content', content, 'version', version, 'updated', now) end

local function of_owner(owner)
  local key = T .. K_owner_document .. owner
  local version = present(key)
  if seen >= 0 and seen ~= version then return answer(C_version_mismatch, 0, version) end
  if deleting then
    if version == 0 then return answer(C_ok, 0, 0) end
    call('UNLINK', key)
    if call('EXISTS', T .. K_owned .. owner) == 0 then call('ZREM', T .. K_owners, owner) end
    return answer(C_ok, CHANGED + DELETED, next_pos())
  end
  version = next_pos()
  write(key, version)
  if ttl > 0 then call('PEXPIRE', key, ttl) else call('PERSIST', key) end
  call('ZADD', T .. K_owners, 0, owner)
  return answer(C_ok, CHANGED, version)
end

local function forget(h, thread, key)
  call('UNLINK', key)
  h.flags = band(h.flags, bnot(DOCUMENT))
  local moved = refresh(h)
  save(h, thread)
  if moved then spread(h, thread) end
  return answer(C_ok, CHANGED + DELETED, next_pos(), h)
end

local function of_thread(thread)
  local key = T .. K_document .. thread
  local h, dead = load(thread)
  local version = h and (band(h.flags, DOCUMENT) ~= 0) and present(key) or 0
  if seen >= 0 and seen ~= version then return answer(C_version_mismatch, 0, version, h) end
  if deleting then
    if version == 0 then return answer(C_ok, 0, 0, h) end
    return forget(h, thread, key)
  end
  local created = not h
  if created and THREAD_QUOTA > 0 and mem.threads + (dead and 0 or 1) > THREAD_QUOTA then
    return over_quota(nil, 1, mem.threads, THREAD_QUOTA)
  end
  h = h or newborn(partition)
  local moved = created or refresh(h)
  local pos = next_pos()
  if created then h.version = pos end
  h.flags = bor(h.flags, DOCUMENT)
  save_first(h, thread)
  if dead then
    burial().bury_expired(dead, thread)
    emit(dead, GONE, thread)
  end
  write(key, pos)
  if created then enter(h, thread) end
  if moved then spread(h, thread) else stamp(h, key) end
  return answer(C_ok, CHANGED + (created and CREATED or 0), pos, h)
end

local reply = OF_THREAD and of_thread(name) or not OF_THREAD and of_owner(name)
save_memory()
return {mem.epoch, reply}
