-- Headers as the batch has them (batch.lua).

local function fetch(key) return headers[key] end

local function drop(key)
  headers[key] = false
  changed[key] = nil
  call('UNLINK', key)
end
