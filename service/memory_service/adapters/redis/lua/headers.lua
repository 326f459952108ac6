-- Headers one by one, for scripts that see each thread once.

local function fetch(key) return call('GET', key) end
local function keep(key, raw) call('SET', key, raw) end
local function drop(key) call('UNLINK', key) end
