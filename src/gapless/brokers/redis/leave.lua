#!lua flags=allow-oom
-- Members disappear: the one named, or all that were not refreshed in time.
--
-- KEYS  members, expiries, users, due
-- ARGV  client or the empty string for all that are late, announce ('' as each was announced when it
--       came), PUBLISH or SPUBLISH, where to notify, channel
-- Gives what was kept of each, as JSON.

local members, expiries, users, due = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local client, announce, channel = ARGV[1], ARGV[2], ARGV[5]

local clients = {client}
if client == '' then
  local clock = redis.call('TIME')
  local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
  clients = redis.call('ZRANGEBYSCORE', expiries, '-inf', string.format('%.0f', now), 'LIMIT', 0, 200)
end

local gone = {}
for _, one in ipairs(clients) do
  local kept = redis.call('HGET', members, one)
  redis.call('ZREM', expiries, one)
  if kept then
    local mark, length, begin = string.match(kept, '^(.)(%d+):()')
    redis.call('HDEL', members, one)
    if begin then -- else no node has written it
      local user = string.sub(kept, begin, begin + length - 1)
      local member = string.sub(kept, begin + length)
      if redis.call('HINCRBY', users, user, -1) <= 0 then redis.call('HDEL', users, user) end
      if announce == '1' or (announce == '' and mark == '1') then
        redis.call(ARGV[3], ARGV[4], 'l' .. member)
      end
      gone[#gone + 1] = member
    end
  end
end

local first = redis.call('ZRANGE', expiries, 0, 0, 'WITHSCORES')
if first[2] then
  redis.call('ZADD', due, first[2], channel)
else
  redis.call('ZREM', due, channel)
end
return gone
