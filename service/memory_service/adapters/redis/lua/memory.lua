-- The memory's counters and the outbox of this script. ARGV[1] is the server's run id (16) and a fresh epoch (8).

local MEMORY = '<c16c8I6I6I6I6I6'
local RUN = string.sub(ARGV[1], 1, 16)
local mem = {epoch = string.sub(ARGV[1], 17, 24), pos = 0, threads = 0, messages = 0, tokens = 0, bytes = 0,
  changed = false}
do
  local raw = call('GET', KEYS[1])
  if raw then
    local run, epoch
    run, epoch, mem.pos, mem.threads, mem.messages, mem.tokens, mem.bytes = unpack_from(MEMORY, raw)
    if run == RUN then
      mem.epoch = epoch
    else
      -- Another server process: it may have lost the newest writes, and their positions must not come again.
      mem.pos = mem.pos + 1048576
      mem.changed = true
    end
  end
end
local first_pos = mem.pos + 1

local function next_pos()
  local pos = mem.pos + 1
  mem.pos = pos
  return pos
end

-- Outbox: operations by partition, written as one entry a partition under the first position of the batch.
local ADD, REMOVE, CUT, GONE, OWNER, ADD_LAST, ADD_LAST_LONG = 1, 2, 3, 4, 5, '\6', '\7'
local outgoing = {}

local function outbox_of(p)
  local list = outgoing[p]
  if not list then
    list = {pack('<I6', now)}
    outgoing[p] = list
  end
  return list
end

local function emit_add(flags, g, thread, dead, first, last, cut)
  local list = outbox_of(math.floor(flags / 64))
  list[#list + 1] = pack('<BI6I6Bc0I6I4I4I4', ADD, mem.pos, g, #thread, thread, dead, first, last, cut)
end

-- The newest message of a thread, by the thread's header: without packing, which a lane would pay for each time.
local function emit_last(p, thread, raw)
  local list = outbox_of(p)
  local size = #list
  list[size + 1] = #raw == SHORT_SIZE and ADD_LAST or ADD_LAST_LONG
  list[size + 2] = thread
  list[size + 3] = '\0'
  list[size + 4] = raw
end

local function save_memory()
  for p, list in pairs(outgoing) do
    call('XADD', T .. K_outbox .. p, first_pos .. '-0', 'o', table.concat(list))
  end
  if mem.changed or mem.pos >= first_pos then
    call('SET', KEYS[1], pack(MEMORY, RUN, mem.epoch, mem.pos, mem.threads, mem.messages, mem.tokens, mem.bytes))
  end
end

local function count(threads, messages, tokens, bytes)
  mem.threads = mem.threads + threads
  mem.messages = mem.messages + messages
  mem.tokens = mem.tokens + tokens
  mem.bytes = mem.bytes + bytes
end
