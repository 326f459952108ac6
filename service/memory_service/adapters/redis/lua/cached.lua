-- Headers as the batch has them (batch.lua).

local function fetch(key)
  local raw = latest[key]
  if raw == nil then return current end
  return raw
end

local function drop(key)
  latest[key] = false
  for i = #writes - 1, 1, -2 do
    if writes[i] == key then
      table.remove(writes, i + 1)
      table.remove(writes, i)
    end
  end
  call('UNLINK', key)
end
