-- Headers of a batch: read in one go, written in one go. KEYS from the second on are theirs.

local headers, changed = {}, {}
for i, raw in ipairs(call('MGET', unpack(KEYS, 2))) do headers[KEYS[i + 1]] = raw end

local function keep(key, raw)
  headers[key] = raw
  changed[key] = true
end

local function save_headers()
  local pairs_of = {}
  for key in pairs(changed) do
    pairs_of[#pairs_of + 1] = key
    pairs_of[#pairs_of + 1] = headers[key]
  end
  if #pairs_of > 0 then call('MSET', unpack(pairs_of)) end
end
