-- A thread with all it has, at one instant. KEYS: the memory, the thread's header. ARGV: most bytes of messages.
-- Answers the header, TIME, settings, the document's fields and, where they are not more than that, non-system messages,
-- system messages, and the messages' own expiries.

local thread = string.sub(KEYS[2], #T + #K_header + 1)
local raw = call('GET', KEYS[2])
if not raw then return {false, now} end
local h = unpack_header(raw)
local document = band(h.flags, DOCUMENT) ~= 0 and call('HMGET', T .. K_document .. thread, 'content', 'version', 'updated')
local answer = {raw, now, call('GET', T .. K_settings .. thread), document}
if h.bytes <= tonumber(ARGV[1]) then
  answer[5] = call('LRANGE', T .. K_log .. thread, 0, -1)
  answer[6] = h.y > 0 and call('LRANGE', T .. K_system .. thread, 0, -1) or {}
  answer[7] = h.next_due ~= 0 and call('ZRANGE', T .. K_due .. thread, 0, -1, 'WITHSCORES') or {}
end
return answer
