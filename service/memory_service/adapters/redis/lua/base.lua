-- What every script starts from: the memory's tag, one instant, and the packed forms. KEYS[1] is the memory's key.
-- K_* (kinds of keys), C_* (outcome codes) and N_* (numbers) are put in by scripts.py.

-- Each call of a script makes its functions and tables anew, at the price of a dozen additions each: what is rarely needed
-- is made when it is, and what every operation needs is made once and filled again.

local call = redis.call
local pack, unpack_from, band, bor, bnot = struct.pack, struct.unpack, bit.band, bit.bor, bit.bnot
local T = string.sub(KEYS[1], 1, -1 - #K_memory)

-- The instant of this script in milliseconds, asked once, so that everything in it agrees.
local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- Scores of the expiry index for threads without an expiry, and for pinned ones: beyond every date.
local NEVER, PINNED_SCORE = '9000000000000000', '+inf'

-- A thread's header. `flags` holds what a thread has besides messages, and in its two highest bits the partition.
-- A thread with nothing special has the short form, which Redis keeps in one allocation (up to 44 bytes).
local HEADER, SHORT = '<I6I6I6I6I6I6I4I4I2I6I6I6I4B', '<I6I5I6I6I5I4I4I5B'
local SHORT_SIZE, LONG_SIZE, FIVE_BYTES = 42, 69, 1099511627776
local PINNED, OWN_TTL, SETTINGS, DOCUMENT, ACCESSES = 1, 2, 4, 8, 16

-- What is put in front of a message's tail: it begins with its tokens and id, so that an anchored match finds them.
local STORED = '{"tokens":%d,"id":"%d-%d",'

-- What an operation answers: numbers only, in one packed form that replies and idempotency records share.
local OUTCOME = '<BBI6I6I6I4I2I3I3I6'
local CREATED, CHANGED, REFRESHED, DELETED, BACKUP, FLUSH_DUE = 1, 2, 4, 8, 16, 32
