#!lua
-- One publication: the next number, stored, trimmed, remembered and notified, in one step.
--
-- KEYS  state, stream, generation, names and, with an idempotency key, its record
-- ARGV  see `RedisBroker.publish`
-- Gives EPOCH:OFFSET, or the empty string where it got no number.
--
-- An entry's id is OFFSET-TOTAL, TOTAL being the bytes, tags included, that were ever published up to and
-- with it: what lies between two entries is known without reading them. `floor` and `since` are the
-- total before, and the time of, an entry that is at least as old as the oldest kept; so the oldest
-- is looked at only when it may have to go.

local state, stream, generation, names, record = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local notify, target, channel, payload, about = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local history, max_bytes, max_age, idle = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9]
local fresh, skip, remember = ARGV[10], ARGV[11] == '1', ARGV[12]
local version, version_epoch = tonumber(ARGV[13]), ARGV[14]

if record then
  local known = redis.call('GET', record)
  if known then return known end
end

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function tell(offset, epoch)
  local head = string.format('p%.0f %s %.0f %d ', offset, epoch, now, #about)
  redis.call(notify, target, head .. about .. payload)
end

if history == 0 then
  tell(0, '')
  if record then redis.call('SET', record, '', 'PX', remember) end
  return ''
end

local run = redis.call('GET', generation)
if not run then -- lost, so nothing can be proven
  run = fresh
  redis.call('SET', generation, run)
end
local known = redis.call('HMGET', state, 'epoch', 'run', 'top', 'total', 'floor', 'since', 'version', 'version_epoch')
local epoch, top, total = known[1], tonumber(known[3]) or 0, tonumber(known[4]) or 0
local floor, since = tonumber(known[5]) or 0, tonumber(known[6]) or 0
if not epoch then
  redis.call('DEL', stream)
  redis.call('SADD', names, channel)
end
if not epoch or known[2] ~= run then
  epoch = fresh
  redis.call('HSET', state, 'epoch', epoch, 'run', run)
end
redis.call('PEXPIRE', state, idle)

if version > 0 then
  if version_epoch ~= '' and version_epoch ~= known[8] then
    redis.call('HSET', state, 'version_epoch', version_epoch)
  elseif version <= (tonumber(known[7]) or 0) then
    return string.format('%s:%.0f', epoch, top)
  end
  redis.call('HSET', state, 'version', ARGV[13])
end

if skip then
  tell(0, '')
  if record then redis.call('SET', record, '', 'PX', remember) end
  return ''
end

top, total = top + 1, total + #payload + #about
local id = string.format('%.0f-%.0f', top, total)
redis.call('XADD', stream, 'MAXLEN', '=', history, id, 'd', payload, 't', now, 'm', about)
redis.call('PEXPIRE', stream, idle)

while (max_bytes >= 0 and total - floor > max_bytes) or (max_age >= 0 and since <= now - max_age) do
  local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  if not oldest then break end
  local offset, upto = string.match(oldest[1], '^(%d+)-(%d+)$')
  floor, since = upto - #oldest[2][2] - #oldest[2][6], tonumber(oldest[2][4])
  local heavy = max_bytes >= 0 and total - floor > max_bytes and tonumber(offset) < top
  if not heavy and not (max_age >= 0 and since <= now - max_age) then break end
  redis.call('XTRIM', stream, 'MINID', '=', string.format('%.0f', offset + 1))
end

redis.call('HSET', state, 'top', string.format('%.0f', top), 'total', string.format('%.0f', total),
  'floor', string.format('%.0f', floor), 'since', string.format('%.0f', since))
local position = string.format('%s:%.0f', epoch, top)
if record then redis.call('SET', record, position, 'PX', remember) end
tell(top, epoch)
return position
