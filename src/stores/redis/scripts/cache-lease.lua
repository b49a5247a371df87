--[[ cache-lease: takes the lease on an entry, or keeps it for longer.

     KEYS[1]  the entry, a string
     KEYS[2]  the lease, a string of three words: the token of the one who loads; how many loads have ended without a
              value of late; its afterlife, ms, and "w" when others wait. After such a load, for a moment, the token is
              empty.
     ARGV[1]  the caller's token
     ARGV[2]  for how long the lease is kept, ms, at least 1
     ARGV[3]  its afterlife, ms: when no more is left, others may take it
     ARGV[4]  what the caller has seen, or the beginning of it; left out where nothing was there

     Result: -1 leased; how many loads have ended without a value when another caller has the lease; the stored value
     when it is another one than was seen.
     Keeps: one lease at a time, and none of the caller's over a value that is newer than what it has seen.
     Cost: O(length of the value); one slot. ]]
local stored = redis.call('GET', KEYS[1])
local lease = redis.call('GET', KEYS[2]) or ' 0 0'
local holder, ended, afterlife, waits = string.match(lease, '^(%S*) (%d+) (%d+)(w?)$')
if stored and (not ARGV[4] or string.sub(stored, 1, #ARGV[4]) ~= ARGV[4]) then
  if holder == ARGV[1] then redis.call('DEL', KEYS[2]) end
  return stored
end
if holder ~= '' and holder ~= ARGV[1] then
  local left = redis.call('PTTL', KEYS[2])
  if left > tonumber(afterlife) then
    if waits == '' then redis.call('SET', KEYS[2], lease .. 'w', 'PX', left) end
    return tonumber(ended)
  end
end
redis.call('SET', KEYS[2], ARGV[1] .. ' ' .. ended .. ' ' .. ARGV[3] .. waits, 'PX', ARGV[2])
return -1
