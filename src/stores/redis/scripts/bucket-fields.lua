--[[ bucket-fields: returns the fields of live session records, one page of a hash.

     KEYS[1]  the hash
     ARGV[1]  the cursor of the page, "0" at first
     ARGV[2]  number of fields to examine

     Result: the next cursor, "0" at the end, then the fields. A key of another type has none.
     Keeps: every field that exists during the whole walk comes at least once, as HSCAN promises.
     Cost: O(ARGV[2]), or O(fields of the hash) while it is a listpack; one slot. ]]
if redis.call('TYPE', KEYS[1])['ok'] ~= 'hash' then return { '0' } end
local now = tonumber(redis.call('TIME')[1])
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local reply = { page[1] }
for at = 1, #page[2], 2 do
  local value = page[2][at + 1]
  if #value >= 5 and struct.unpack('>I4', value) > now then reply[#reply + 1] = page[2][at] end
end
return reply
