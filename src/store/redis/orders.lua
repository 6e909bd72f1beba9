-- A store's orders, one after the other; nobody else's come in between. Constants in capitals that
-- are not defined here stand in front of this text, put there by its caller.
--
-- ARGV: the date, how long a session is kept (both in seconds), who calls, 1 if that one is owner of
-- what it settles although nobody here knows so; then orders, each a word and what belongs to it. Replies: how many calls there were of this caller; then one for each order.

local call = redis.call
local USED, ROOMS, HOLDERS = PREFIX .. 'used', PREFIX .. 'rooms', PREFIX .. 'holders'
local ERASED, WEEKS, INSTANCES = PREFIX .. 'erased', PREFIX .. 'weeks', PREFIX .. 'instances'
local now, ttl, caller = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local adopts, at = ARGV[4] == '1', 4

local function words(count)
  local from = at + 1
  at = at + count
  return unpack(ARGV, from, at)
end

local function number(text) return tonumber(text) or 0 end

-- Not as 1e+15.
local function digits(value) return string.format('%.0f', value) end

local function session_key(hash) return PREFIX .. 'session:' .. hash end
local function moved_key(hash) return PREFIX .. 'moved:' .. hash end
local function person_key(sub) return PREFIX .. 'person:' .. sub end
local function board_key(week) return PREFIX .. 'board:' .. week end

-- Everything goes by its age, by expire; this is for what nobody comes to expire any more.
local function keep(key, seconds) call('EXPIRE', key, seconds + SPARE_SECONDS) end

-- Sessions ----------------------------------------------------------------------------------------

local function is_erased(hash)
  local since = call('ZSCORE', ERASED, hash)
  return since and now < number(since) + TOMBSTONE_SECONDS
end

local function find(hash)
  local found = call('HMGET', session_key(hash), 'owner', 'seq', 'points', 'streak', 'used_at',
    'former', 'person')
  if not found[1] then return nil end
  local former = {}
  for owner, seq, since in string.gmatch(found[6] or '', '(%x+):(%d+):(%d+)') do
    former[#former + 1] = {owner = owner, seq = number(seq), at = number(since)}
  end
  return {hash = hash, owner = found[1], seq = number(found[2]), points = number(found[3]),
    streak = number(found[4]), used_at = number(found[5]), former = former,
    person = found[7] or nil}
end

local function forget_owners(session)
  local young = {}
  for _, former in ipairs(session.former) do
    if now < former.at + FORMER_OWNER_SECONDS then young[#young + 1] = former end
  end
  while OWNERS_MAX - 1 < #young do
    -- Whose number nothing depends on goes first, but for who had it a moment ago: it may ask for
    -- it once more. Then whoever had it longest ago.
    local first = 1
    for index = #young - 1, 1, -1 do
      if young[index].seq == 0 then first = index end
    end
    table.remove(young, first)
  end
  session.former = young
end

-- Where it stands among those who were owners; nil: nowhere.
local function place_of(session, owner)
  for index, former in ipairs(session.former) do
    if former.owner == owner then return index end
  end
end

local function knows(session, owner)
  return session.owner == owner or place_of(session, owner) ~= nil
end

local function has_settled(session, owner)
  local place = place_of(session, owner)
  local seq = place and session.former[place].seq or session.owner == owner and session.seq or 0
  return 0 < seq
end

local function use(session)
  call('HSET', session_key(session.hash), 'used_at', now)
  call('ZADD', USED, now, session.hash)
  keep(session_key(session.hash), ttl)
  keep(USED, ttl)
  if session.person then
    call('HSET', person_key(session.person), 'seen_at', now)
    keep(person_key(session.person), ttl)
    keep(PREFIX .. 'board:' .. EVER, ttl)
  end
end

local function save(session)
  local former = {}
  for _, owner in ipairs(session.former) do
    former[#former + 1] = owner.owner .. ':' .. digits(owner.seq) .. ':' .. digits(owner.at)
  end
  call('HSET', session_key(session.hash), 'owner', session.owner, 'seq', digits(session.seq),
    'points', digits(session.points), 'streak', digits(session.streak),
    'former', table.concat(former, ' '))
  if USED_SECONDS <= math.abs(now - session.used_at) then use(session) end
end

local function put_profile(hash, uid, is_number, name, avatar)
  call('HSET', session_key(hash), 'uid', uid, 'uid_is_number', is_number, 'name', name,
    'avatar', avatar)
end

local function make(hash, owner, seq, points, streak, profile)
  local session = {hash = hash, owner = owner, seq = seq, points = points, streak = streak,
    used_at = now, former = {}}
  put_profile(hash, unpack(profile or {'', '0', '', ''}))
  call('HSET', session_key(hash), 'made_at', now)
  save(session)
  use(session)
  return session
end

local function profile_of(hash)
  local found = hash and call('HMGET', session_key(hash), 'uid', 'uid_is_number', 'name', 'avatar')
    or {}
  return found[1] or '', found[2] or '0', found[3] or '', found[4] or ''
end

local function make_owner(session, owner)
  table.insert(session.former, {owner = session.owner, seq = session.seq, at = now})
  session.owner, session.seq = owner, 0
  forget_owners(session)
end

-- Makes somebody the owner, unless he is or was that; what he is told.
local function take(session, owner)
  forget_owners(session)
  if not knows(session, owner) then make_owner(session, owner) end
  save(session)
  local uid, is_number, name, avatar = profile_of(session.hash)
  return {uid, is_number, name, avatar, session.points, session.streak, session.person or false}
end

-- Persons and boards ------------------------------------------------------------------------------

-- The best stands first: by points, then by when it came to them, then by name.
local function entry(since, sub) return string.format('%012.0f', since) .. sub end
local function sub_of(member) return string.sub(member, 13) end

local function points_of(sub, week)
  local points, since = string.match(call('HGET', person_key(sub), 'week:' .. week) or '',
    '^(%d+):(%d+)$')
  if points then return number(points), number(since) end
end

local function show(sub, week, points, since)
  call('ZADD', board_key(week), '-' .. digits(points), entry(since, sub))
  keep(board_key(week), week == EVER and ttl or WEEKS_SECONDS)
end

local function add_ranked(sub, ranked)
  local barred = call('HGET', person_key(sub), 'is_barred') == '1'
  for _, row in ipairs(ranked) do
    for _, week in ipairs({row.week, EVER}) do
      local had, since = points_of(sub, week)
      local has = math.min((had or 0) + row.points, POINTS_MAX)
      local later = math.max(since or 0, row.at)
      call('HSET', person_key(sub), 'week:' .. week, digits(has) .. ':' .. digits(later))
      if week ~= EVER then
        call('SADD', WEEKS, week)
        keep(WEEKS, WEEKS_SECONDS)
      end
      if not barred then
        if had then call('ZREM', board_key(week), entry(since, sub)) end
        show(sub, week, has, later)
      end
    end
  end
end

-- The weeks in which a person has points.
local function weeks_of(sub)
  local weeks = {}
  for _, field in ipairs(call('HKEYS', person_key(sub))) do
    weeks[#weeks + 1] = string.match(field, '^week:(%d+)$')
  end
  return weeks
end

local function hide(sub)
  for _, week in ipairs(weeks_of(sub)) do
    local _, since = points_of(sub, week)
    if since then call('ZREM', board_key(week), entry(since, sub)) end
  end
end

local function remove_person(sub)
  hide(sub)
  return call('DEL', person_key(sub))
end

local function remove_session(hash)
  call('ZREM', USED, hash)
  return call('DEL', session_key(hash))
end

local function bury(hash)
  call('ZADD', ERASED, now, hash)
  keep(ERASED, TOMBSTONE_SECONDS)
end

local function row(sub, points)
  local uid, is_number, name, avatar = profile_of(call('HGET', person_key(sub), 'session'))
  return {uid, is_number, name, avatar, points}
end

local function rows(week, first, last)
  local found = {}
  if last < first then return found end
  local range = call('ZRANGE', board_key(week), first, last, 'WITHSCORES')
  for index = 1, #range, 2 do
    found[#found + 1] = row(sub_of(range[index]), -number(range[index + 1]))
  end
  return found
end

-- The token that was brought, if its session may become the person's or stay nobody's.
local function adoptable(token, fresh, sub)
  if token == '' or is_erased(token) then return fresh end
  local session = find(token)
  if session and session.person and session.person ~= sub then return fresh end
  return token
end

-- The session that had this token until its person signed in somewhere, if this owner has settled
-- there: a server that has not heard of that settles by it. And whether it was erased.
local function moved(hash, owner)
  for _ = 1, OWNERS_MAX do
    hash = call('HGET', moved_key(hash), 'to')
    if not hash then return nil, false end
    if is_erased(hash) then return nil, true end
    local session = find(hash)
    if session then return has_settled(session, owner) and session or nil, false end
  end
end

local function rename(session, hash, sub)
  call('RENAME', session_key(session.hash), session_key(hash))
  call('HSET', moved_key(session.hash), 'to', hash)
  call('EXPIRE', moved_key(session.hash), FORMER_OWNER_SECONDS)
  call('ZREM', USED, session.hash)
  call('ZADD', USED, session.used_at, hash)
  call('HSET', person_key(sub), 'session', hash)
  session.hash = hash
end

-- A session is a person's from now on.
local function give(session, sub)
  session.person = sub
  call('HSET', session_key(session.hash), 'person', sub)
  call('HSET', person_key(sub), 'session', session.hash, 'seen_at', now)
  call('HSETNX', person_key(sub), 'made_at', now)
  call('HSETNX', person_key(sub), 'is_barred', '0')
  keep(person_key(sub), ttl)
end

-- The session of a person, made if it is not there, and the token that it has from now on. If
-- `absent`, one that is there keeps its own.
local function session_of(sub, token, fresh, owner, absent)
  local person = call('HMGET', person_key(sub), 'made_at', 'session')
  local session = person[2] and find(person[2])
  if session then
    if token == session.hash then return session, token end
    local was_its = session.owner ~= owner and knows(session, owner)
    if fresh ~= session.hash and not was_its and not absent then rename(session, fresh, sub) end
    return session, fresh
  end
  local chosen = person[1] and fresh or adoptable(token, fresh, sub)
  session = find(chosen) or make(chosen, owner, 0, 0, 0)
  give(session, sub)
  return session, chosen
end

-- Instances ---------------------------------------------------------------------------------------

-- What is known of an instance that lives: its nonce, and how many play there.
local function living(letter)
  local nonce, online, since = string.match(call('HGET', INSTANCES, letter) or '',
    '^(%d+):(%d+):(%d+)$')
  if nonce and now < number(since) + LEASE_SECONDS then return nonce, number(online) end
end

local function hold(code, letter)
  call('ZADD', ROOMS, now, code)
  keep(ROOMS, ROOM_SECONDS)
  if letter == '' then
    call('HDEL', HOLDERS, code)
  else
    call('HSET', HOLDERS, code, letter)
    keep(HOLDERS, ROOM_SECONDS)
  end
end

local function close(code)
  call('HDEL', HOLDERS, code)
  return call('ZREM', ROOMS, code)
end

-- The orders --------------------------------------------------------------------------------------

local orders = {}

function orders.take()
  local hash, owner = words(2)
  if is_erased(hash) then return false end
  local session = find(hash)
  return session and take(session, owner) or false
end

function orders.settle()
  local hash, owner, seq, points, told, absent, streak, profiles = words(8)
  local profile = profiles == '1' and {words(4)} or nil
  local sub, sub_hash, count = words(3)
  local ranked = {}
  for index = 1, number(count) do
    local week, more, since = words(3)
    ranked[index] = {week = week, points = number(more), at = number(since)}
  end
  seq, points, told, streak = number(seq), number(points), number(told), number(streak)
  if is_erased(hash) then return {'erased', 0} end
  local session = find(hash)
  if sub == '' and not session then
    local erased
    session, erased = moved(hash, owner)
    if erased then return {'erased', 0} end
  end
  local is_new_person = false
  -- Its token may be an older one of a session that has another by now.
  if sub ~= '' and not (session and session.person == sub) then
    local erased = is_erased(sub_hash)
    -- What is another one's is nothing to it.
    if erased and (not session or session.person) then return {'erased', 0} end
    local other = call('HGET', person_key(sub), 'session')
    local own = other and find(other)
    session = own or session
    -- One that was lost here has this session, if it is known by which name.
    is_new_person = not (own or erased or session and session.person)
      and (profile or session and profile_of(session.hash) ~= '')
  end
  if not session then
    local total = math.max(points, told)
    if total ~= 0 then
      session = make(hash, owner, seq, total, streak, profile)
      if is_new_person then
        give(session, sub)
        add_ranked(sub, ranked)
      end
    end
    return {'kept', total}
  end
  if is_new_person then give(session, sub) end
  -- Its take is among what was lost here.
  if adopts and absent == '0' and not knows(session, owner) then make_owner(session, owner) end
  local is_new, said
  if session.owner == owner then
    is_new, said = session.seq < seq, 'kept'
    if is_new then
      session.seq, session.streak = seq, streak
      if profile then put_profile(session.hash, unpack(profile)) end
    end
  else
    forget_owners(session)
    local place = place_of(session, owner)
    is_new, said = (place and session.former[place].seq or 0) < seq, 'former'
    if is_new then
      -- A person's has none before its first point, and stands on the board with it.
      if profile and profile_of(session.hash) == '' then
        put_profile(session.hash, unpack(profile))
      end
      if place then table.remove(session.former, place) end
      table.insert(session.former, {owner = owner, seq = seq, at = now})
      forget_owners(session)
    end
  end
  if is_new then
    session.points = math.max(math.min(session.points + points, POINTS_MAX), told)
    if session.person then add_ranked(session.person, ranked) end
  end
  save(session)
  return {said, session.points}
end

function orders.sign_in()
  local sub, sub_hash, token, fresh, owner, absent = words(6)
  absent = absent == '1'
  if is_erased(sub_hash) then
    local chosen = adoptable(token, fresh)
    local session = not absent and not is_erased(chosen) and find(chosen)
    return {chosen, session and take(session, owner) or false, 0}
  end
  local session, chosen = session_of(sub, token, fresh, owner, absent)
  local stored = not absent and take(session, owner)
  return {chosen, stored, call('HGET', person_key(sub), 'is_barred') == '1' and 1 or 0}
end

function orders.top()
  local week = words(1)
  -- A person whose key is gone has no place any more; at most one page of them at a time.
  for _, member in ipairs(call('ZRANGE', board_key(week), 0, BOARD_ROWS - 1)) do
    if call('EXISTS', person_key(sub_of(member))) == 0 then
      call('ZREM', board_key(week), member)
    end
  end
  return rows(week, 0, BOARD_ROWS - 1)
end

function orders.rank()
  local sub, week = words(2)
  local points, since = points_of(sub, week)
  local place = points and call('ZRANK', board_key(week), entry(since, sub))
  if not place then return false end
  local key, as_many, all = board_key(week), 0, 0
  if PLACES_MAX <= place then
    as_many = call('ZCOUNT', key, '-inf', '-' .. digits(points))
    all = call('ZCARD', key)
  end
  return {row(sub, points), place + 1, as_many, all,
    rows(week, math.max(place - AROUND, 0), place - 1), rows(week, place + 1, place + AROUND)}
end

function orders.open()
  hold(words(2))
  return 0
end

function orders.close()
  local code, letter = words(2)
  local holder = call('HGET', HOLDERS, code)
  if holder and holder ~= letter then return 0 end
  return close(code)
end

function orders.claim()
  local code, letter = words(2)
  local since = call('ZSCORE', ROOMS, code)
  if not since or number(since) + ROOM_SECONDS <= now then return {0, ''} end
  local holder = call('HGET', HOLDERS, code) or ''
  if holder ~= '' and holder ~= letter and living(holder) then return {0, holder} end
  hold(code, letter)
  return {1, ''}
end

function orders.beat()
  local letter, nonce, online = words(3)
  local other = living(letter)
  local granted = not other or other == nonce
  if granted and online == '' then
    call('HDEL', INSTANCES, letter)
  elseif granted then
    call('HSET', INSTANCES, letter, nonce .. ':' .. online .. ':' .. digits(now))
    keep(INSTANCES, LEASE_SECONDS)
  end
  local others = {}
  for _, known in ipairs(call('HKEYS', INSTANCES)) do
    local lives, playing = living(known)
    if lives and known ~= letter then others[#others + 1] = {known, playing} end
  end
  table.sort(others, function(one, other_one) return one[1] < other_one[1] end)
  return {granted and 1 or 0, others}
end

-- Deletes what is too old, of each kind at most so much; how much it was.
function orders.expire()
  local most, oldest_week = words(2)
  most, oldest_week = number(most), number(oldest_week)
  local deleted = 0
  local function old(key, seconds)
    return call('ZRANGEBYSCORE', key, '-inf', digits(now - seconds), 'LIMIT', 0, most)
  end
  for _, hash in ipairs(old(USED, ttl + USED_SECONDS)) do
    local sub = call('HGET', session_key(hash), 'person')
    if sub then remove_person(sub) end
    remove_session(hash)
    deleted = deleted + 1
  end
  for _, code in ipairs(old(ROOMS, ROOM_SECONDS)) do deleted = deleted + close(code) end
  for _, hash in ipairs(old(ERASED, TOMBSTONE_SECONDS)) do
    deleted = deleted + call('ZREM', ERASED, hash)
  end
  for _, week in ipairs(call('SMEMBERS', WEEKS)) do
    if number(week) < oldest_week then
      local members = call('ZRANGE', board_key(week), 0, most - 1)
      for _, member in ipairs(members) do
        call('HDEL', person_key(sub_of(member)), 'week:' .. week)
        deleted = deleted + call('ZREM', board_key(week), member)
      end
      if #members < most then call('SREM', WEEKS, week) end
    end
  end
  return deleted
end

-- Erases a session that goes by this uid, and the person whose it is, if it is that one still.
function orders.forget_session()
  local hash, uid, sub, sub_hash = words(4)
  local found = call('HMGET', session_key(hash), 'uid', 'person')
  if found[1] ~= uid or (found[2] or '') ~= sub then return 0 end
  bury(hash)
  local erased = remove_session(hash)
  if sub ~= '' and remove_person(sub) ~= 0 then
    bury(sub_hash)
    erased = erased + 1
  end
  return erased
end

function orders.forget_person()
  local sub, sub_hash = words(2)
  local hash = call('HGET', person_key(sub), 'session')
  local erased = 0
  if hash and call('EXISTS', session_key(hash)) == 1 then
    bury(hash)
    erased = remove_session(hash)
  end
  if remove_person(sub) ~= 0 then
    bury(sub_hash)
    erased = erased + 1
  end
  return erased
end

function orders.bar()
  local sub, barred = words(2)
  if call('EXISTS', person_key(sub)) == 0 then return 0 end
  if call('HGET', person_key(sub), 'is_barred') ~= barred then
    call('HSET', person_key(sub), 'is_barred', barred)
    if barred == '1' then
      hide(sub)
    else
      for _, week in ipairs(weeks_of(sub)) do
        if week == EVER or call('SISMEMBER', WEEKS, week) == 1 then
          local points, since = points_of(sub, week)
          if points then show(sub, week, points, since) end
        else
          -- Nobody looks at that week any more.
          call('HDEL', person_key(sub), 'week:' .. week)
        end
      end
    end
  end
  return 1
end

-- What was exported elsewhere; what is there already stays as it is.

function orders.put_session()
  local hash, uid, is_number, name, avatar, points, streak, made_at, used_at = words(9)
  local key = session_key(hash)
  if is_erased(hash) or call('EXISTS', key) == 1 then return 0 end
  put_profile(hash, uid, is_number, name, avatar)
  call('HSET', key, 'owner', NOBODY, 'seq', '0', 'points', points, 'streak', streak,
    'former', '', 'made_at', made_at, 'used_at', used_at)
  call('ZADD', USED, used_at, hash)
  keep(key, math.max(ttl - math.max(now - number(used_at), 0), 0))
  keep(USED, ttl)
  return 1
end

function orders.put_person()
  local sub, sub_hash, hash, is_barred, made_at, seen_at = words(6)
  local key = person_key(sub)
  if is_erased(sub_hash) or call('EXISTS', key) == 1 then return 0 end
  local session = find(hash)
  if session and session.person then return 0 end
  call('HSET', key, 'is_barred', is_barred, 'made_at', made_at, 'seen_at', seen_at)
  if session then
    call('HSET', key, 'session', hash)
    call('HSET', session_key(hash), 'person', sub)
  end
  keep(key, ttl)
  return 1
end

function orders.put_points()
  local week, sub, points, since = words(4)
  local barred = call('HGET', person_key(sub), 'is_barred')
  if not barred or points_of(sub, week) then return 0 end
  call('HSET', person_key(sub), 'week:' .. week, points .. ':' .. since)
  if week ~= EVER then
    call('SADD', WEEKS, week)
    keep(WEEKS, WEEKS_SECONDS)
  end
  if barred ~= '1' then show(sub, week, number(points), number(since)) end
  return 1
end

function orders.put_tombstone()
  local hash, since = words(2)
  local added = call('ZADD', ERASED, 'NX', since, hash)
  keep(ERASED, TOMBSTONE_SECONDS)
  return added
end

local calls = PREFIX .. 'calls:' .. caller
local replies = {call('INCR', calls)}
call('EXPIRE', calls, CALLS_SECONDS)
while at < #ARGV do replies[#replies + 1] = orders[words(1)]() end
return replies
