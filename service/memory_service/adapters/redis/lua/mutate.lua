-- One script for every mutation: up to 32 operations of one memory, in order, each on its own.
-- KEYS: the memory, then the header of each operation's thread. The other keys derive from the same tag, thus slot.
-- ARGV: run id and epoch, policy, digests of the keyed operations, heads of all operations in one piece as codec.py packs
-- them, then what operations bring besides: tails of messages, settings.

local DRY, KEYED, APPEND = 4, 8, 1
local frame, op

local answers, at, extra = {mem.epoch}, 1, 5
for i = 2, #KEYS do
  local key = KEYS[i]
  local thread, answer, digest, body = string.sub(key, #T + #K_header + 1), nil, false, false
  local kind, flags, partition, count, extras, version, a, b, c
  kind, flags, partition, count, extras, version, a, b, c, at = unpack_from('<BBBI2I2I8I8I8I8', HEADS, at)
  if band(flags, KEYED) ~= 0 then
    digest, body = string.sub(HEADS, at, at + N_digest - 1), string.sub(HEADS, at + N_digest, at + N_digest + N_body - 1)
    at = at + N_digest + N_body
  end
  if kind == APPEND and count == 1 and (flags == 0 or flags == KEYED and not keyed.knows(digest)) then
    answer = plain_append(key, thread, at, ARGV[extra])
    if answer and digest then keyed.record(digest, body, answer) end
  end
  if not answer then
    op = op or {key = key, thread = '', kind = 0, flags = 0, partition = 0, count = 0, drafts = 0, extra = 0, extras = 0,
      version = 0, a = 0, b = 0, c = 0, dry = false, absent = false, digest = false, body = false}
    op.key, op.thread, op.digest, op.body, op.extra, op.extras = key, thread, digest, body, extra, extras
    op.kind, op.flags, op.partition, op.count, op.version, op.a, op.b, op.c = kind, flags, partition, count, version, a, b, c
    op.dry, op.drafts = band(flags, DRY) ~= 0, at
    frame = frame or general()
    answer = frame.guarded(op)
  end
  at, extra = at + DRAFT_SIZE * count, extra + extras
  answers[i] = answer
end
save_headers()
save_memory()
if keyed then keyed.save() end
return answers
