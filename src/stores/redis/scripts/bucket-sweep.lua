--[[ bucket-sweep: deletes expired session records, one page of a hash.

     KEYS[1]  the hash
     ARGV[1]  the cursor of the page, "0" at first
     ARGV[2]  number of fields to examine
     ARGV[3]  length of the fields of sessions, in bytes; 0 if it varies

     Result: the next cursor, "0" at the end, then the number of deleted records. A key of another
     type has none.
     Keeps: check and deletion are one step, so no renewed record is deleted. Values without the
     form of a record (its field's length, its flag, its minimum length) stay.
     Cost: O(ARGV[2]), or O(fields of the hash) while it is a listpack; one slot. ]]
if redis.call('TYPE', KEYS[1])['ok'] ~= 'hash' then return { '0', 0 } end
local now = tonumber(redis.call('TIME')[1])
local length = tonumber(ARGV[3])

local function isRecord(field, value)
  if length > 0 and #field ~= length then return false end
  local flag = string.byte(value, 5)
  return flag == 2 or (flag ~= nil and (flag <= 3 or flag > 128) and #value >= 13)
end

local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local deleted = 0
for at = 1, #page[2], 2 do
  local field, value = page[2][at], page[2][at + 1]
  if isRecord(field, value) and struct.unpack('>I4', value) <= now then
    deleted = deleted + redis.call('HDEL', KEYS[1], field)
  end
end
return { page[1], deleted }
