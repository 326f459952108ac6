-- Sets or deletes a working-memory document, of a thread (which is created when absent) or of an owner.
-- KEYS: the memory. ARGV: run id and epoch, policy, digest of the key or '', 'thread' or 'owner', its name, partition,
-- version seen or -1, ttl of an owner's document in ms (0 none), flags, digest of the body, the content to set.
-- Answers the epoch and the outcome, with the document's time of writing behind it.

local DELETE, DRY, KEEP, TOUCH = 1, 2, 4, 8
local DIGEST, OF_THREAD, name, partition, seen, ttl = ARGV[3], ARGV[4] == 'thread', ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local how, body, content = tonumber(ARGV[9]), ARGV[10], ARGV[11]
local deleting, dry = band(how, DELETE) ~= 0, band(how, DRY) ~= 0
local keyed = DIGEST ~= '' and idempotency()

-- `version` is the document's own; the rest of the answer is the thread's, where there is one.
local function answer(code, flags, version, h, written)
  return pack(OUTCOME, code, flags, version, mem.pos, h and h.g or 0, 0, 0, 0, 0, h and expiry(h) or 0)
    .. pack('<I8', written or 0)
end

local function present(key) return tonumber(call('HGET', key, 'version') or 0) end

local function written_at(key) return tonumber(call('HGET', key, 'updated') or 0) end

-- A merge that may be asked for again keeps what it answered, with the document and the last few of its kind: an answer
-- kept anywhere else would outlive the document. When no key can ask for them any more, the next change drops them.
local function write(key, version)
  local kept = tonumber(call('HGET', key, 'kept') or now)
  if kept + N_bucket + N_kept < now then
    for slot = 0, N_answers - 1 do call('HDEL', key, 'r' .. slot) end
  end
  call('HSET', key, 'content', content, 'version', version, 'updated', now)
  if band(how, KEEP) ~= 0 then
    local turn = call('HINCRBY', key, 'turn', 1)
    call('HSET', key, 'r' .. turn % N_answers, pack('<I6', version) .. content, 'kept', now)
  end
end

-- An owner's document expires as a thread does: a refresh never shortens, and never passes the maximum age.
local function expire(key, had)
  local created = call('HSETNX', key, 'created', now) == 1 and now or tonumber(call('HGET', key, 'created'))
  local at = bounded({created = created}, ttl > 0 and now + ttl or 0)
  if had > 0 and REFRESH == REFRESH_NEVER then return end
  if at == 0 then
    call('ZREM', T .. K_owner_expiries, name)
    return call('PERSIST', key)
  end
  at = math.max(at, had, now + 1)
  call('PEXPIREAT', key, at)
  call('ZADD', T .. K_owner_expiries, at, name)
end

-- A read keeps an owner's document alive; it writes only where the expiry moves by a grain at least.
local function touch(key)
  local had = call('PEXPIRETIME', key)
  if had < 0 or ttl == 0 then return 0 end
  if bounded({created = tonumber(call('HGET', key, 'created') or now)}, now + ttl) - had < math.max(1000, ttl / 1024) then return 0 end
  expire(key, had)
  return REFRESHED
end

local function of_owner(owner)
  local key = T .. K_owner_document .. owner
  local version = present(key)
  if band(how, TOUCH) ~= 0 then return answer(C_ok, version > 0 and touch(key) or 0, version) end
  if seen >= 0 and seen ~= version then return answer(C_version_mismatch, 0, version) end
  if deleting then
    if version == 0 then return answer(C_ok, 0, 0) end
    if dry then return answer(C_ok, CHANGED + DELETED, version) end
    call('UNLINK', key)
    call('ZREM', T .. K_owner_expiries, owner)
    if call('EXISTS', T .. K_owned .. owner) == 0 then call('ZREM', T .. K_owners, owner) end
    return answer(C_ok, CHANGED + DELETED, next_pos())
  end
  if dry then return answer(C_ok, CHANGED, version, nil, written_at(key)) end
  local had = call('PEXPIRETIME', key)
  version = next_pos()
  write(key, version)
  expire(key, had)
  call('ZADD', T .. K_owners, 0, owner)
  return answer(C_ok, CHANGED, version, nil, now)
end

local function forget(h, thread, key)
  call('UNLINK', key)
  h.flags = band(h.flags, bnot(DOCUMENT))
  local moved = refresh(h)
  save(h, thread)
  if moved then spread(h, thread) end
  return answer(C_ok, CHANGED + DELETED + (moved and REFRESHED or 0), next_pos(), h)
end

local function of_thread(thread)
  local key = T .. K_document .. thread
  local h, dead = load(thread)
  local version = h and (band(h.flags, DOCUMENT) ~= 0) and present(key) or 0
  if seen >= 0 and seen ~= version then return answer(C_version_mismatch, 0, version, h) end
  if deleting then
    if version == 0 then return answer(C_ok, 0, 0, h) end
    if dry then return answer(C_ok, CHANGED + DELETED, version, h) end
    return forget(h, thread, key)
  end
  local created = not h
  if created and THREAD_QUOTA > 0 and mem.threads + (dead and 0 or 1) > THREAD_QUOTA then
    return over_quota(nil, 1, mem.threads, THREAD_QUOTA)
  end
  if dry then return answer(C_ok, CHANGED + (created and CREATED or 0), version, h, version > 0 and written_at(key) or 0) end
  h = h or newborn(partition)
  local moved = created or refresh(h)
  local pos = next_pos()
  if created then h.version = pos end
  h.flags = bor(h.flags, DOCUMENT)
  save_first(h, thread)
  if dead then
    burial().make_way(dead, thread)
    emit(dead, GONE, thread)
  end
  write(key, pos)
  if created then enter(h, thread) end
  if moved then spread(h, thread) else stamp(h, key) end
  return answer(C_ok, CHANGED + (created and CREATED or moved and REFRESHED or 0), pos, h, now)
end

local reply = keyed and keyed.replay(DIGEST, body)
if not reply then
  if OF_THREAD then reply = of_thread(name) else reply = of_owner(name) end
  if keyed then keyed.record(DIGEST, body, reply) end
end
save_memory()
if keyed then keyed.save() end
return {mem.epoch, reply}
