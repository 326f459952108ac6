-- The rows of the mutation frame, numbered as codec.py numbers them. All but the hot one live in modules.

local function apply(op, h, dead)
  local kind = op.kind
  if kind == 1 then return append(op, h, dead) end
  if kind == 2 then return replace(op, h, dead) end
  if kind == 3 then return removal().clear(op, h) end
  if kind == 4 then return restore().restore(op, h, dead) end
  if kind == 5 then return removal().delete(op, h) end
  if kind == 6 then return settings().configure(op, h, dead) end
  if kind == 7 then return ttl().set_ttl(op, h) end
  if kind == 8 then return removal().delete_message(op, h) end
  if kind == 9 then return ttl().set_message_ttl(op, h) end
  if kind == 10 then return ttl().touch(op, h) end
  if kind == 11 then return flush().flush(op, h) end
  if kind == 12 then return import().import(op, h, dead) end
end
