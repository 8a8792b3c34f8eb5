#!lua
-- A member appears in a channel, or says that it is still there.
--
-- KEYS  members, expiries, users, due
-- ARGV  client, user, member as JSON, milliseconds until it expires, announce, PUBLISH or SPUBLISH,
--       where to notify, channel
-- Gives 1 when this client was not there before.
--
-- A member is kept as MARK LENGTH:USER JSON, MARK saying whether its leaving will be announced.

local members, expiries, users, due = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local client, user, member, lasts, announce = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]

local clock = redis.call('TIME')
local expires = clock[1] * 1000 + math.floor(clock[2] / 1000) + lasts

local before = redis.call('HGET', members, client)
local mark = announce
if before then
  if string.sub(before, 1, 1) == '1' then mark = '1' end
  local length, begin = string.match(before, '^.(%d+):()')
  local was = begin and string.sub(before, begin, begin + length - 1)
  if was and redis.call('HINCRBY', users, was, -1) <= 0 then redis.call('HDEL', users, was) end
end
redis.call('HINCRBY', users, user, 1)
redis.call('HSET', members, client, mark .. #user .. ':' .. user .. member)
redis.call('ZADD', expiries, 'GT', string.format('%.0f', expires), client)
redis.call('ZADD', due, 'NX', string.format('%.0f', expires), ARGV[8])
for _, key in ipairs({members, expiries, users}) do redis.call('PEXPIRE', key, lasts * 10) end
if before then return 0 end
if announce == '1' then redis.call(ARGV[6], ARGV[7], 'j' .. member) end
return 1
