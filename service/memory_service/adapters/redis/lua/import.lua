-- Module: the row that brings a whole thread from elsewhere, in one step: settings, messages, document, times.

local REPLACING, SKIPPING = 16, 32

-- Adds a message, unless its time is over by now and no pin keeps it.
local function take(b, h, tail, kind, tokens, due)
  if due ~= 0 and due <= now and band(h.flags, PINNED) == 0 then return end
  add(b, h, tail, tokens, band(kind, SYSTEM_DRAFT) ~= 0, due ~= 0 and due or nil)
end

-- Adds the messages that came with the thread.
local function unpack_drafts(b, h, op)
  local at, tails = op.drafts, op.extra - 1
  for i = 1, op.count do
    local kind, tokens, due
    kind, tokens, due, at = unpack_from('<BI4I8', HEADS, at)
    take(b, h, ARGV[tails + i], kind, tokens, due)
  end
end

-- Adds the messages that came before, in parts, because one call should not carry them all. False when some are missing.
local function unstage(b, h, given)
  local key, from = T .. K_staged .. given.staged, 0
  repeat
    local part = call('LRANGE', key, from, from + 999)
    for _, item in ipairs(part) do
      local kind, tokens, due, at = unpack_from('<BI4I8', item)
      take(b, h, string.sub(item, at), kind, tokens, due)
    end
    from = from + #part
  until #part < 1000
  return from == given.count
end

-- The thread's own numbers. False when its expiry, within the memory's rules, is over.
local function dress(h, given)
  h.created = math.min(given.created, now)
  h.updated = math.max(h.created, math.min(given.updated, now))
  h.max = given.max or 0
  if given.ttl ~= nil and (given.ttl ~= 0 or REQUIRED == 0) then h.ttl, h.flags = given.ttl, bor(h.flags, OWN_TTL) end
  if given.pinned then h.flags = bor(h.flags, PINNED) end
  h.expires = given.expires
  if h.expires == 0 and REQUIRED ~= 0 then h.expires = after({created = now}, h.ttl ~= 0 and h.ttl or TTL) end
  h.expires = bounded(h, h.expires)
  return h.expires == 0 or h.expires > now or given.pinned
end

local function named(given)
  local type_ = given.type ~= 'CHAT' and given.type or nil
  return {type = type_, owner = given.owner or nil, title = given.title or nil, metadata = given.metadata or nil}
end

-- A thread without messages.
local function bare(op, h, dead)
  if THREAD_QUOTA > 0 and mem.threads + (dead and 0 or 1) > THREAD_QUOTA then
    return over_quota(nil, 1, mem.threads, THREAD_QUOTA)
  end
  h.version = next_pos()
  save_first(h, op.thread)
  if dead then
    burial().make_way(dead, op.thread)
    emit(dead, GONE, op.thread)
  end
  enter(h, op.thread)
  return outcome(C_ok, CHANGED + CREATED, h)
end

-- What `put` does not know of.
local function finish(h, thread, given)
  local wanted = named(given)
  settings().store_settings(h, thread, wanted)
  if wanted.owner then burial().own(h, thread, wanted.owner) end
  if given.document then
    h.flags = bor(h.flags, DOCUMENT)
    call('HSET', T .. K_document .. thread, 'content', given.document, 'version', h.version, 'updated', given.document_at)
  end
end

local function whole(op, h, dead)
  local thread, given = op.thread, cmsgpack.unpack(ARGV[op.extra + op.count])
  if h and band(op.flags, REPLACING) == 0 then return outcome(C_exists, 0, h) end
  local new = newborn(op.partition)
  if not dress(new, given) then return outcome(C_invalid_ttl, 0, h) end
  local b = batch(new)
  unpack_drafts(b, new, op)
  if given.staged and not unstage(b, new, given) then return outcome(C_busy, 0, h) end
  op.count, op.absent = #b.items + #b.systems, true
  local updated, expires, put_in = new.updated, new.expires, op.count > 0 and put or bare
  local answer = put_in(op, new, h or dead, b, false)
  if given.staged then
    call('UNLINK', T .. K_staged .. given.staged)
    call('ZREM', T .. K_stagings, given.staged)
  end
  if string.byte(answer, 1) ~= C_ok then return answer end
  new.updated, new.expires = updated, expires
  finish(new, thread, given)
  save(new, thread, op.key)
  spread(new, thread)
  local flags = CHANGED + CREATED + (h and DELETED or 0) + band(string.byte(answer, 2), FLUSH_DUE)
  return outcome(C_ok, flags, new, 1, op.count, op.count - new.n - new.y)
end

-- Threads of an import land in order: behind one that was refused, or failed, none of the same call does. One that is over is
-- not refused.
local function import(op, h, dead)
  if mem.halted then return outcome(C_busy, 0, h) end
  mem.halted = true
  local answer = whole(op, h, dead)
  local code = string.byte(answer, 1)
  local passed_over = code == C_invalid_ttl or code == C_exists and band(op.flags, SKIPPING) ~= 0
  mem.halted = code ~= C_ok and not passed_over
  return answer
end

return {import = import}
