-- Advice on function objects, as Emacs's nadvice: every caller sees it, whatever reference it holds.
-- The natives are `swap` (gives a Lua function the body of another and returns one with the old body),
-- `capture` and `release` (the same for natives), `mark`, `copy` (another native that does the same), and the table of records by function.
local swap, capture, release, mark, copy, records = ...
-- Copies, because the program may advise the originals.
local error, type, rawequal, format = copy(error), copy(type), copy(rawequal), copy(string.format)
local pack, unpack = copy(table.pack), copy(table.unpack)

local function insert(list, at, value)
  for i = #list, at, -1 do
    list[i + 1] = list[i]
  end
  list[at] = value
end

local function remove(list, at)
  for i = at, #list do
    list[i] = list[i + 1]
  end
end

local function results_after(g, arguments, ...)
  g(unpack(arguments, 1, arguments.n))
  return ...
end

local combinators = {
  around = function(f, g)
    return function(...)
      return g(f, ...)
    end
  end,
  before = function(f, g)
    return function(...)
      g(...)
      return f(...)
    end
  end,
  after = function(f, g)
    return function(...)
      return results_after(g, pack(...), f(...))
    end
  end,
  override = function(_, g)
    return function(...)
      return g(...)
    end
  end,
}

local function check(position, name, value, expected)
  local actual = type(value)
  if actual ~= expected then
    error(format("bad argument #%d to '%s' (%s expected, got %s)", position, name, expected, actual == "nil" and "no value" or actual), 2)
  end
end

-- The outermost piece is the first of the list.
local function combine(record)
  local chain = record.original
  for at = #record.pieces, 1, -1 do
    local piece = record.pieces[at]
    chain = combinators[piece.how](chain, piece.g)
  end
  record.chain = chain
end

local function attach(f)
  local record = { pieces = {} }
  records[f] = record
  local captured = capture(f)
  if captured then
    record.is_native = true
    record.original = captured
  else
    record.original = swap(f, function(...)
      return record.chain(...)
    end)
  end
  mark(f, true)
  return record
end

local function detach(f, record)
  if record.is_native then
    release(f, record.original)
  else
    swap(f, record.original)
  end
  mark(f, false)
  records[f] = nil
end

local function find(record, wanted)
  for at = 1, #record.pieces do
    local piece = record.pieces[at]
    if piece.name == wanted or piece.g == wanted then
      return at
    end
  end
end

local advice = {}

function advice.add(f, how, g, options)
  check(1, "add", f, "function")
  check(2, "add", how, "string")
  check(3, "add", g, "function")
  if options ~= nil then
    check(4, "add", options, "table")
  end
  if not combinators[how] then
    error(format("bad argument #2 to 'add' (invalid combinator '%s': 'around', 'before', 'after' or 'override' expected)", how), 2)
  end
  local name, depth = options and options.name, options and options.depth or 0
  if type(depth) ~= "number" then
    error("bad argument #4 to 'add' (field 'depth' is not a number)", 2)
  end
  if rawequal(f, g) then
    error("bad argument #3 to 'add' (a function cannot advise itself)", 2)
  end
  local record = records[f] or attach(f)
  local old = find(record, name ~= nil and name or g)
  if old then
    remove(record.pieces, old)
  end
  local at = 1
  while record.pieces[at] and record.pieces[at].depth < depth do
    at = at + 1
  end
  insert(record.pieces, at, { name = name, how = how, g = g, depth = depth })
  combine(record)
end

function advice.remove(f, wanted)
  check(1, "remove", f, "function")
  local record = records[f]
  local at = record and wanted ~= nil and find(record, wanted)
  if not at then
    return false
  end
  remove(record.pieces, at)
  combine(record)
  if #record.pieces == 0 then
    detach(f, record)
  end
  return true
end

function advice.list(f)
  check(1, "list", f, "function")
  local list = {}
  local record = records[f]
  for at = 1, record and #record.pieces or 0 do
    local piece = record.pieces[at]
    list[at] = { name = piece.name, how = piece.how, advice = piece.g, depth = piece.depth }
  end
  return list
end

return advice
