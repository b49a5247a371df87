--[[ session-delete-if-match: deletes a session record, if it is still the version that the caller
     has read.

     KEYS[1]  the record, a string
     ARGV[1]  first and ARGV[2] last position of the etag, as for string.sub: from 1, or negative
              from the end
     ARGV[3]  the etag

     Result: 1 deleted; the stored record if it is another version; nil if there is none.
     Keeps: a writer that undoes its own record never deletes one that another has committed since.
     Cost: O(length of the record); one slot. ]]
local stored = redis.call('GET', KEYS[1])
if not stored then return false end
if string.sub(stored, ARGV[1], ARGV[2]) ~= ARGV[3] then return stored end
redis.call('DEL', KEYS[1])
return 1
