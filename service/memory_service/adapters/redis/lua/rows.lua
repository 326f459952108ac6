-- The rows of the mutation frame, numbered as codec.py numbers them. The hot one first: the list is made when needed.

local function row(kind)
  if kind == 1 then return append end
  return ({
    append, replace, clear, restore, delete, configure, set_ttl, delete_message, set_message_ttl, touch, flush,
  })[kind]
end
