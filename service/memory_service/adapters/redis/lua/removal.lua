-- Module: rows that take messages away: clear, delete, one message.

local purging = purge()

-- Moves the messages to a backup with a lifetime of its own, under the thread's incarnation and the clear's position.
local function back_up(h, thread, ttl)
  local id, upto = h.g .. '-' .. h.version, now + ttl
  local key = T .. K_backup .. id
  call('SET', key, cmsgpack.pack({thread = thread, owner = settings_of(h, thread).owner}), 'PXAT', upto)
  for suffix, kind in pairs({[':l'] = K_log, [':y'] = K_system, [':x'] = K_due}) do
    if call('EXISTS', T .. kind .. thread) == 1 then
      call('RENAME', T .. kind .. thread, key .. suffix)
      call('PEXPIREAT', key .. suffix, upto)
    end
  end
  call('ZADD', T .. K_backups, upto, id)
end

local function clear(op, h)
  local cleared = h and h.n + h.y or 0
  if cleared == 0 then return outcome(C_ok, 0, h) end
  local thread, backup = op.thread, op.a > 0
  local tokens, bytes, due = h.tokens, h.bytes, h.next_due
  local moved = refresh(h)
  h.n, h.y, h.tokens, h.bytes, h.next_due = 0, 0, 0, 0, 0
  local flags = CHANGED + (moved and REFRESHED or 0)
  if op.dry then return outcome(C_ok, flags, h, 0, cleared) end

  h.version, h.updated = next_pos(), now
  -- The backup comes first: if Redis has no room for it, nothing is cleared.
  if backup then back_up(h, thread, op.a) end
  call('UNLINK', T .. K_log .. thread, T .. K_system .. thread, T .. K_due .. thread, T .. K_accesses .. thread)
  if due ~= 0 then call('ZREM', T .. K_message_expiries, thread) end
  save(h, thread)
  if moved then spread(h, thread) end
  count(0, -cleared, -tokens, -bytes)
  emit(h, CUT, thread, pack('<I4', h.seq))
  return outcome(C_ok, flags + (backup and BACKUP or 0), h, 0, cleared)
end

local function delete(op, h)
  if not h then return outcome(C_ok, 0, nil) end
  local removed = h.n + h.y
  if op.dry then
    h.n, h.y = 0, 0
    return outcome(C_ok, DELETED + CHANGED, h, 0, removed)
  end
  h.version = next_pos()
  burial().remove(h, op.thread)
  emit(h, GONE, op.thread)
  h.n, h.y, h.expires = 0, 0, 0
  return outcome(C_ok, DELETED + CHANGED, h, 0, removed)
end

local function delete_message(op, h)
  if not h or h.g ~= op.a then return outcome(C_message_not_found, 0, h) end
  local list, item, which = purging.stored_in(h, op.thread, op.b)
  if not list then return outcome(C_message_not_found, 0, h) end
  local moved = refresh(h)
  local flags = CHANGED + (moved and REFRESHED or 0)
  if op.dry then
    h.n = h.n - 1
    return outcome(C_ok, flags, h, 0, 1)
  end
  h.version, h.updated = next_pos(), now
  purging.take_out(h, list, item, which)
  if h.next_due ~= 0 and call('ZREM', T .. K_due .. op.thread, op.b) == 1 then purging.settle_due(h, op.thread) end
  unnote(h, op.thread, {op.b})
  save(h, op.thread)
  if moved then spread(h, op.thread) end
  emit_seqs(h, op.thread, {op.b})
  return outcome(C_ok, flags, h, 0, 1)
end

return {clear = clear, delete = delete, delete_message = delete_message}
