-- The answer kept under an idempotency key, without doing anything. KEYS: the memory. ARGV: run id and epoch, unused, the
-- key's digest, the body's. Answers the epoch, and the outcome or false.

return {mem.epoch, idempotency().replay(ARGV[3], ARGV[4]) or false}
