-- What expired over the memory's life, and which threads were given the expiry that they must have: counted where it happens,
-- in the same script, so once and for good. `what` is threads, messages or repaired.
local function ended(what, number)
  if number > 0 then call('HINCRBY', T .. K_expired, what, number) end
end
