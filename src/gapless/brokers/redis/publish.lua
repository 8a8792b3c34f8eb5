#!lua
-- One publication: the next number, stored, trimmed, remembered and notified, in one step.
--
-- KEYS  state, stream, generation, names and, with an idempotency key, its record
-- ARGV  see `RedisBroker.publish`
-- Gives EPOCH:OFFSET, or the empty string where it got no number.

local state, stream, generation, names, record = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local notify, target, channel, payload, about = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local history, max_bytes, max_age, idle = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9]
local fresh, skip, remember = ARGV[10], ARGV[11] == '1', ARGV[12]
local version, version_epoch = ARGV[13], ARGV[14]
local by, before, here = ARGV[15], ARGV[16], ARGV[17]

-- Where this node stands with what it publishes here is RUN PLACE TIME: see sequence.py. Does this follow?
local function follows(last)
  if before ~= '' then return last and string.find(last, before, 1, true) == 1 end
  if last then return tonumber(string.match(last, '^%d+')) < tonumber(string.match(here, '^%d+')) end
  if redis.call('HLEN', state) > 40 then
    -- Those of nodes that are gone, or have nothing to say here.
    local all = redis.call('HGETALL', state)
    for at = 1, #all, 2 do
      local time = string.match(all[at], '^by ') and string.match(all[at + 1], '%d+$')
      if time and tonumber(time) < now - 600000 then redis.call('HDEL', state, all[at]) end
    end
  end
  return true
end

local function note()
  redis.call('HSET', state, by, here .. now)
  redis.call('PEXPIRE', state, idle)
end

local overtakes = 'OVERTAKES what was published before it'

if record then
  if not follows(redis.call('HGET', state, by)) then return redis.error_reply(overtakes) end
  local known = redis.call('GET', record)
  if known then
    note()
    return known
  end
end

-- Versions have 64 bits, and a number here 53: they are compared as they are written.
local function is_newer(than)
  return #version > #than or (#version == #than and version > than)
end

local function tell(offset, epoch)
  local head = string.format('p%.0f %s %.0f %d ', offset, epoch, now, #about)
  redis.call(notify, target, head .. about .. payload)
end

if history == 0 then
  tell(0, '')
  if record then
    redis.call('SET', record, '', 'PX', remember)
    note()
  end
  return ''
end

local epoch, top, total, floor, since, last_version, last_version_epoch, last =
  stand(state, stream, generation, names, channel, fresh, idle, by)
if not record and not follows(last) then return redis.error_reply(overtakes) end

if version ~= '0' then
  if version_epoch ~= '' and version_epoch ~= last_version_epoch then
    redis.call('HSET', state, 'version_epoch', version_epoch)
  elseif not is_newer(last_version) then
    note()
    return string.format('%s:%.0f', epoch, top)
  end
  redis.call('HSET', state, 'version', ARGV[13])
end

if skip then
  tell(0, '')
  if record then redis.call('SET', record, '', 'PX', remember) end
  note()
  return ''
end

top, total = top + 1, total + #payload + #about
local id = string.format('%.0f-%.0f', top, total)
redis.call('XADD', stream, 'MAXLEN', '=', history, id, 'd', payload, 't', now, 'm', about)
redis.call('PEXPIRE', stream, idle)

while (max_bytes >= 0 and total - floor > max_bytes) or (max_age >= 0 and since <= now - max_age) do
  local offset, before, at = oldest_of(stream)
  if not offset then break end
  floor, since = before, at
  local heavy = max_bytes >= 0 and total - floor > max_bytes and offset < top
  if not heavy and not (max_age >= 0 and since <= now - max_age) then break end
  drop(stream, offset)
end

redis.call('HSET', state, 'top', string.format('%.0f', top), 'total', string.format('%.0f', total),
  'floor', string.format('%.0f', floor), 'since', string.format('%.0f', since),
  by, here .. now)
local position = string.format('%s:%.0f', epoch, top)
if record then redis.call('SET', record, position, 'PX', remember) end
tell(top, epoch)
return position
