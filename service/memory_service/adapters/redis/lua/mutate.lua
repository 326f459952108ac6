-- One script for every mutation: up to 32 operations of one memory, in order, each on its own.
-- KEYS: the memory, then the header of each operation's thread. The other keys derive from the same tag, thus slot.
-- ARGV: run id and epoch, policy, digests of the keyed operations, heads of all operations in one piece as codec.py packs
-- them, then what operations bring besides: tails of messages, settings.

local DRY, KEYED, APPEND, SIMPLE = 4, 8, 1, 128
local frame, op
local text_of, name_at = string.sub, #T + #K_header + 1

local answers, at, extra = {mem.epoch}, 1, 5
for i = 2, #KEYS do
  local key = KEYS[i]
  local thread, digest, body = text_of(key, name_at), false, false
  local version, a, b, c, answer = 0, 0, 0, 0, nil
  local kind, flags, partition, drafts, extras
  kind, flags, partition, drafts, extras, at = unpack_from('<BBBI2I2', HEADS, at)
  -- A simple one has no numbers.
  if kind >= SIMPLE then kind = kind - SIMPLE else version, a, b, c, at = unpack_from('<I8I8I8I8', HEADS, at) end
  if flags % (2 * KEYED) >= KEYED then
    digest, body = text_of(HEADS, at, at + N_digest - 1), text_of(HEADS, at + N_digest, at + N_digest + N_body - 1)
    at = at + N_digest + N_body
  end
  current = stored_headers[i - 1]
  if kind == APPEND and drafts == 1 and (flags == 0 or flags == KEYED and not keyed.knows(digest)) then
    answer = plain_append(key, thread, partition, at, ARGV[extra], digest)
    if answer and digest then keyed.record(digest, body, answer) end
  end
  if not answer then
    op = op or {key = key, thread = '', kind = 0, flags = 0, partition = 0, count = 0, drafts = 0, extra = 0, extras = 0,
      version = 0, a = 0, b = 0, c = 0, dry = false, absent = false, digest = false, body = false}
    op.key, op.thread, op.digest, op.body, op.extra, op.extras = key, thread, digest, body, extra, extras
    op.kind, op.flags, op.partition, op.count, op.version, op.a, op.b, op.c = kind, flags, partition, drafts, version, a, b, c
    op.dry, op.drafts = band(flags, DRY) ~= 0, at
    frame = frame or general()
    answer = frame.guarded(op)
  end
  at, extra = at + DRAFT_SIZE * drafts, extra + extras
  answers[i] = answer
end
if #writes > 0 then call('MSET', unpack(writes)) end
count(0, lane_messages, lane_tokens, lane_bytes)
save_memory()
if keyed then keyed.save() end
return answers
