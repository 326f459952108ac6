-- Puts living messages on the outbox again. KEYS: the memory. ARGV: run id and epoch; then thread, incarnation, seq of each.
-- Neighbours in seq go as one entry. Answers how many were put there; the texts are looked up when they are indexed.

local enqueued, known, run = 0, {}, nil

local function flush()
  if run then
    next_pos()
    emit_add(run.h.flags, run.h.g, run.thread, 0, run.first, run.last, 0)
    run = nil
  end
end

for at = 2, #ARGV, 3 do
  local thread, g, seq = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  if known[thread] == nil then known[thread] = load(thread) or false end
  local h = known[thread]
  if h and h.g == g and seq <= h.seq then
    if run and run.thread == thread and run.last + 1 == seq then
      run.last = seq
    else
      flush()
      run = {h = h, thread = thread, first = seq, last = seq}
    end
    enqueued = enqueued + 1
  end
end
flush()
save_memory()
return enqueued
