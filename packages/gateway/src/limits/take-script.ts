/**
 * All limits of one request, atomically (Lua 5.1 in Redis 6 or Valkey). The arithmetic is that of
 * gcra.ts: whole microseconds and a fraction of the limit, so nothing exceeds what a double holds
 * exactly. A refused request changes nothing but what time has freed.
 *
 * KEYS: of each limit the rate's and the concurrency's. ARGV: lease, its length in microseconds;
 * of each limit seven numbers: limit, window, tolerance (2), cost (2), concurrency (-1: none).
 * Answers 1 or 0, the server's time, and of each limit: TAT (2), exchanges going on, full.
 */
export const TAKE_SCRIPT = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local lease, leaseUs = ARGV[1], tonumber(ARGV[2])
local count = #KEYS / 2
local states, admitted = {}, 1
for i = 1, count do
  local at = 2 + (i - 1) * 7
  local limit, window = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local us, part, going, full = 0, 0, 0, 0
  if limit > 0 then
    local kept = redis.call('HMGET', KEYS[i * 2 - 1], 'us', 'part', 'limit', 'window')
    if kept[1] then
      us, part = tonumber(kept[1]), tonumber(kept[2])
      local oldLimit, oldWindow = tonumber(kept[3]), tonumber(kept[4])
      if us < now then
        us, part = 0, 0
      elseif oldLimit ~= limit or oldWindow ~= window then
        local used = math.ceil(((us - now) + part / oldLimit) * oldLimit / oldWindow)
        local most = tonumber(ARGV[at + 3]) + math.min(tonumber(ARGV[at + 4]), 1)
        us, part = now + math.min(math.ceil(used * window / limit), most), 0
      end
    end
    local base, basePart = us, part
    if us < now then base, basePart = now, 0 end
    local costUs, costPart = tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6])
    local over = base + costUs - tonumber(ARGV[at + 3]) - now
    local overPart = basePart + costPart - tonumber(ARGV[at + 4])
    if costUs + costPart > 0 then
      if over + math.ceil(overPart / limit) > 0 then admitted = 0 end
      base, basePart = base + costUs, basePart + costPart
      if basePart >= limit then base, basePart = base + 1, basePart - limit end
    else
      base, basePart = us, part
    end
    states[i] = { us, part, base, basePart, limit, window }
  else
    states[i] = { 0, 0, 0, 0, 0, 0 }
  end
  local most = tonumber(ARGV[at + 7])
  if most >= 0 then
    redis.call('ZREMRANGEBYSCORE', KEYS[i * 2], '-inf', now)
    going = redis.call('ZCARD', KEYS[i * 2])
    if going >= most then full, admitted = 1, 0 end
  end
  states[i][7], states[i][8], states[i][9] = going, full, most
end
local answer = { admitted, now }
for i = 1, count do
  local s = states[i]
  if admitted == 1 then
    if s[5] > 0 and s[3] >= now then
      redis.call('HSET', KEYS[i * 2 - 1], 'us', string.format('%.0f', s[3]),
        'part', string.format('%.0f', s[4]), 'limit', string.format('%.0f', s[5]),
        'window', string.format('%.0f', s[6]))
      redis.call('PEXPIRE', KEYS[i * 2 - 1], math.ceil((s[3] - now) / 1000) + 1000)
    end
    if s[9] >= 0 then
      redis.call('ZADD', KEYS[i * 2], string.format('%.0f', now + leaseUs), lease)
      redis.call('PEXPIRE', KEYS[i * 2], math.ceil(leaseUs / 1000) + 1000)
      s[7] = s[7] + 1
      if s[7] >= s[9] then s[8] = 1 end
    end
    s[1], s[2] = s[3], s[4]
  end
  answer[#answer + 1], answer[#answer + 2] = s[1], s[2]
  answer[#answer + 1], answer[#answer + 2] = s[7], s[8]
end
return answer
`

/**
 * What still goes on counts for another lease, also where it had lapsed. KEYS: concurrencies. ARGV:
 * lease, its length in microseconds.
 */
export const RENEW_SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
for i = 1, #KEYS do
  redis.call('ZADD', KEYS[i], string.format('%.0f', now + tonumber(ARGV[2])), ARGV[1])
  redis.call('PEXPIRE', KEYS[i], math.ceil(tonumber(ARGV[2]) / 1000) + 1000)
end
return #KEYS
`
