--[[ cache-renew: extends the lease on an entry.

     KEYS[1]  the entry, a string
     KEYS[2]  the lease; see cache-lease
     ARGV[1]  the caller's token
     ARGV[2]  time for which the lease is kept from now on, ms, at least 1
     ARGV[3]  its afterlife, ms; see cache-lease
     ARGV[4]  the value that the caller has seen, or its beginning; omitted if there was none

     Result: 1 while the caller has the lease; else 0.
     Keeps: a lease that has ended is not taken again, and one on a value that is newer than the
     seen one ends.
     Cost: O(length of the value); one slot. ]]
local lease = redis.call('GET', KEYS[2]) or ''
if string.match(lease, '^%S*') ~= ARGV[1] then return 0 end
local stored = redis.call('GET', KEYS[1])
if stored and (not ARGV[4] or string.sub(stored, 1, #ARGV[4]) ~= ARGV[4]) then
  redis.call('DEL', KEYS[2])
  return 0
end
local renewed = string.gsub(lease, '%d+(w?)$', ARGV[3] .. '%1')
redis.call('SET', KEYS[2], renewed, 'PX', ARGV[2])
return 1
