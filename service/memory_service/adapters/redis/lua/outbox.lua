-- Outbox operations other than additions.

local function emit(h, kind, thread, rest)
  local list = outbox_of(math.floor(h.flags / 64))
  list[#list + 1] = pack('<BI6I6Bc0', kind, mem.pos, h.g, #thread, thread)
  list[#list + 1] = rest
end

local function emit_seqs(h, thread, seqs)
  for from = 1, #seqs, 1000 do
    local upto = math.min(from + 999, #seqs)
    local packed = {pack('<I2', upto - from + 1)}
    for i = from, upto do packed[#packed + 1] = pack('<I4', seqs[i]) end
    emit(h, REMOVE, thread, table.concat(packed))
  end
end
