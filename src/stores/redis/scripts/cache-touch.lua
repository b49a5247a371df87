--[[ cache-touch: sets the time to live of an entry that has no head, or returns the head.

     KEYS[1]  the entry, a string
     ARGV[1]  time to live, ms, at least 1; empty for no expiry

     Result: 1 if there is such an entry, 0 if there is none; if it begins with "~" and has a line
     end, everything up to that, and its remaining time to live in the form of PTTL.
     Keeps: an entry with a head is not changed; without one, nothing of its value leaves the
     server.
     Cost: O(1), with a head O(length of the value); one slot. ]]
if redis.call('GETRANGE', KEYS[1], 0, 0) == '~' then
  local stored = redis.call('GET', KEYS[1])
  local ending = string.find(stored, '\n', 1, true)
  if ending then return { string.sub(stored, 1, ending), redis.call('PTTL', KEYS[1]) } end
end
if ARGV[1] ~= '' then return redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
-- PERSIST alone answers 0 for an entry that did not expire anyway.
redis.call('PERSIST', KEYS[1])
return redis.call('EXISTS', KEYS[1])
