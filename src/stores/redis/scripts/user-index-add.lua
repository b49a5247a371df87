--[[ user-index-add: lists a session of a user, and returns which others have to make room.

     KEYS[1]  the user's list, a sorted set: session key -> expiry of its entry, epoch ms; below
              zero if it has to make room, and 1e15 more while it waits to replace another one
     KEYS[2]  details, a hash: session key -> created|last seen|device (times in epoch ms), and
              epoch
     ARGV[1]  the session's key and ARGV[2] its details
     ARGV[3]  expiry of its entry, epoch ms
     ARGV[4]  now, epoch ms
     ARGV[5]  time by which an entry outlives its record, ms
     ARGV[6]  maximum number of sessions of the user, this one included; 0: no limit
     ARGV[7]  key of the session that this one replaces, or empty: it is not counted, and does not
              make room
     ARGV[8]  maximum number of sessions that have to make room
     ARGV[9]  number of those expiring first among which the oldest are looked for
     ARGV[10]  1 if the session waits to replace another one: it makes no other make room, nor does
               so itself

     Result: the user's epoch (empty until the first revocation), then the keys that have to make
     room.
     Keeps: of concurrent additions, no more than the allowed number count. Sessions that have to
     make room stay listed.
     Cost: O(log(sessions of the user) + ARGV[9]), and 100 entries to drop at most; one slot. ]]
local list, details = KEYS[1], KEYS[2]
local key, replaces = ARGV[1], ARGV[7]
local now, most = tonumber(ARGV[4]), tonumber(ARGV[6])
local live = now + tonumber(ARGV[5])
local range, waiting = '(' .. string.format('%.0f', live), 1e15
local counted = '(' .. string.format('%.0f', waiting)

local function drop(from, to)
  local over = redis.call('ZRANGEBYSCORE', list, string.format('%.0f', from), string.format('%.0f', to), 'LIMIT', 0, 50)
  if #over == 0 then return end
  redis.call('ZREM', list, unpack(over))
  redis.call('HDEL', details, unpack(over))
end

local function keep(name)
  local ttl = math.max(1, tonumber(ARGV[3]) - now)
  if redis.call('PTTL', name) < ttl then redis.call('PEXPIRE', name, string.format('%.0f', ttl)) end
end

local function isLive(member)
  local score = redis.call('ZSCORE', list, member)
  return score and tonumber(score) > live and tonumber(score) < waiting
end

local function excess()
  local others = redis.call('ZCOUNT', list, range, counted)
  if isLive(key) then others = others - 1 end
  if replaces ~= '' and isLive(replaces) then others = others - 1 end
  return others + 1 - most
end

local function candidates()
  local found = {}
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', list, range, counted, 'LIMIT', 0, ARGV[9] + 2)) do
    if member ~= key and member ~= replaces then found[#found + 1] = member end
  end
  if #found == 0 then return found end
  local texts = redis.call('HMGET', details, unpack(found))
  for at = 1, #found do
    local created = texts[at] and string.match(texts[at], '^(%d+)|') or 0
    found[at] = { key = found[at], created = tonumber(created) }
  end
  table.sort(found, function(left, right)
    if left.created == right.created then return left.key < right.key end
    return left.created < right.created
  end)
  return found
end

local isWaiting = ARGV[10] == '1'
drop(0, now)
drop(waiting, waiting + now)
redis.call('ZADD', list, string.format('%.0f', tonumber(ARGV[3]) + (isWaiting and waiting or 0)), key)
redis.call('HSET', details, key, ARGV[2])
keep(list)
keep(details)

local surplus = most > 0 and not isWaiting and excess() or 0
if surplus > 0 then
  local oldest = candidates()
  for at = 1, math.min(surplus, #oldest, tonumber(ARGV[8])) do
    local score = redis.call('ZSCORE', list, oldest[at].key)
    redis.call('ZADD', list, '-' .. score, oldest[at].key)
  end
end

local result = { redis.call('HGET', details, 'epoch') or '' }
for _, member in ipairs(redis.call('ZRANGEBYSCORE', list, '-inf', '(0', 'LIMIT', 0, ARGV[8])) do
  if member ~= replaces then result[#result + 1] = member end
end
return result
