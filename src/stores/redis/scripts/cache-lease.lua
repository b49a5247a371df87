--[[ cache-lease: takes the lease on an entry, or keeps it for longer.

     KEYS[1]  the entry, a string
     KEYS[2]  the lease, a string: the token of the one who loads
     ARGV[1]  the caller's token
     ARGV[2]  time to live of the lease, ms, at least 1
     ARGV[3]  what the caller has seen, or the beginning of it; left out where nothing was there

     Result: 1 leased; 0 somebody else has the lease; the stored value when it is another one than was seen.
     Keeps: one lease at a time, and none of the caller's over a value that is newer than what it has seen.
     Cost: O(length of the value); one slot. ]]
local stored = redis.call('GET', KEYS[1])
local holder = redis.call('GET', KEYS[2])
if stored and (not ARGV[3] or string.sub(stored, 1, #ARGV[3]) ~= ARGV[3]) then
  if holder == ARGV[1] then redis.call('DEL', KEYS[2]) end
  return stored
end
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 1
