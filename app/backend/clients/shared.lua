-- The limit of one vendor, for all replicas together: one hash, so that a cluster
-- keeps it in one place, and one clock, the server's. window.py is the same for one.
--
-- KEYS[1]  fields: r<second>, t<second>: requests and tokens by the second in which
--          they were let through; b<replica>: "calls in flight:believed until";
--          h: when the vendor may be asked again. Times in milliseconds.
-- ARGV     1 now, 0: the server's clock; 2 the replica; 3 its calls in flight;
--          4 requests, 5 tokens, 6 concurrency: the limits, 0: none;
--          7 tokens of the call that is asked for, -1: none is;
--          8 how long nobody may ask; 9 how long a replica is believed;
--          10.. pairs of a second and the tokens beyond those counted in it
-- Returns  granted (0 or 1), the wait (-1: until a call ends), the second, replicas,
--          whether the wait is the vendor's wish (0 or 1)

local key, now = KEYS[1], tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local second = math.floor(now / 1000)
local replica, busy = ARGV[2], tonumber(ARGV[3])
local max_requests, max_tokens, max_busy =
  tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local asked, hold, believed = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])

-- What lies further ahead than anybody writes is of a clock that has been put back,
-- and would count until it is right again.
local farthest_hold = 3600000

local requests, tokens, seconds = {}, {}, {}
local held, others, replicas = 0, 0, 1
local fields = redis.call('HGETALL', key)
for i = 1, #fields, 2 do
  local kind, name, value = fields[i]:sub(1, 1), fields[i]:sub(2), fields[i + 1]
  if kind == 'h' then
    held = tonumber(value)
    if held > now + farthest_hold then
      held = 0
      redis.call('HDEL', key, fields[i])
    end
  elseif kind == 'b' then
    local calls, ends = value:match('^(%d+):(%d+)$')
    if tonumber(ends) <= now or tonumber(ends) > now + believed then
      redis.call('HDEL', key, fields[i])
    elseif name ~= replica then
      others = others + tonumber(calls)
      replicas = replicas + 1
    end
  elseif tonumber(name) < second - 60 or tonumber(name) > second + 60 then
    redis.call('HDEL', key, fields[i])
  elseif kind == 'r' then
    requests[tonumber(name)] = tonumber(value)
    table.insert(seconds, tonumber(name))
  else
    tokens[tonumber(name)] = tonumber(value)
  end
end
table.sort(seconds)

for i = 10, #ARGV, 2 do
  local at = tonumber(ARGV[i])
  if tokens[at] then
    tokens[at] = math.max(tokens[at] + tonumber(ARGV[i + 1]), 0)
    redis.call('HSET', key, 't' .. at, tokens[at])
  end
end

if hold > 0 and now + hold > held then
  held = now + hold
  redis.call('HSET', key, 'h', string.format('%d', held))
end

-- Milliseconds until one more call fits into the last minute.
local function wait_for_room()
  local many, much = 0, 0
  if max_requests > 0 then
    many = 1 - max_requests
    for _, at in ipairs(seconds) do many = many + requests[at] end
  end
  if max_tokens > 0 then
    much = asked - max_tokens
    for _, at in ipairs(seconds) do much = much + (tokens[at] or 0) end
  end
  if many <= 0 and much <= 0 then return 0 end
  for _, at in ipairs(seconds) do
    many = many - requests[at]
    much = much - (tokens[at] or 0)
    if many <= 0 and much <= 0 then return (at + 61) * 1000 - now end
  end
  return 61000
end

local granted, wait = 0, 0
if asked >= 0 then
  wait = held > now and held - now or wait_for_room()
  if wait == 0 and max_busy > 0 and busy + others >= max_busy then wait = -1 end
  if wait == 0 then
    granted, busy = 1, busy + 1
    if max_requests > 0 or max_tokens > 0 then
      redis.call('HINCRBY', key, 'r' .. second, 1)
      redis.call('HINCRBY', key, 't' .. second, asked)
    end
  end
end

redis.call('HSET', key, 'b' .. replica,
  string.format('%d:%d', busy, now + believed))
redis.call('PEXPIRE', key, math.max(120000, held - now))
return {granted, wait, second, replicas, held > now and 1 or 0}
