--[[ user-index-add: lists a session of a user, and makes room for it.

     KEYS[1]  the user's list, a hash: session key -> created|last seen|expires|device (times in epoch ms), and epoch
     ARGV[1]  the session's key and ARGV[2] its entry
     ARGV[3]  how many sessions the user may have, this one included; 0: any number
     ARGV[4]  how long the list is kept at least, ms
     ARGV[5]  now, epoch ms
     ARGV[6]  key of a session that goes once this one is there, or empty: it counts for nothing and stays

     Result: the user's epoch (empty until the first revocation), then the keys that had to make room, oldest first.
     Keeps: of all who add at the same time, no more than the allowed number stay listed.
     Cost: O(sessions of the user); one slot. ]]
local fields = redis.call('HGETALL', KEYS[1])
local now = tonumber(ARGV[5])
local epoch = ''
local others = {}
for at = 1, #fields, 2 do
  local key, entry = fields[at], fields[at + 1]
  if key == 'epoch' then
    epoch = entry
  elseif key ~= ARGV[1] and key ~= ARGV[6] then
    local created, expires = string.match(entry, '^(%d+)|%d+|(%d+)|')
    if not expires or tonumber(expires) <= now then
      redis.call('HDEL', KEYS[1], key)
    else
      others[#others + 1] = { key = key, created = tonumber(created) }
    end
  end
end

local result = { epoch }
local most = tonumber(ARGV[3])
if most > 0 and #others >= most then
  table.sort(others, function(left, right)
    return left.created < right.created
  end)
  for at = 1, #others - most + 1 do
    redis.call('HDEL', KEYS[1], others[at].key)
    result[#result + 1] = others[at].key
  end
end

redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
return result
