-- The rows of the mutation frame, numbered as codec.py numbers them.

local function row(kind)
  if kind == 1 then return append end
  return ({append, replace, clear, restore, delete, configure, set_ttl, delete_message, set_message_ttl, touch})[kind]
end
