-- A query selects entries: `latency > 250 and not (path ~ '/health')`.
--
--   query      = conjunct { "or" conjunct }
--   conjunct   = term { "and" term }
--   term       = "not" term | "(" query ")" | comparison
--   comparison = name ( "=" | "<" | ">" | "~" ) ( number | string )
--
-- A parsed query is a function from an entry to a boolean.

local query = {}

local Parser = {}
Parser.__index = Parser

local COMPARISONS = {
  ["="] = function(value, wanted) return value == wanted end,
  ["<"] = function(value, wanted) return value < wanted end,
  [">"] = function(value, wanted) return value > wanted end,
  ["~"] = function(value, wanted) return value:find(wanted, 1, true) ~= nil end,
}

local PATTERNS = {
  { "word", "^[%a_][%w_]*" },
  { "number", "^%d+" },
  { "string", "^'([^']*)'" },
  { "sign", "^[=<>~()]" },
}

-- The next token and its kind; moves past it.
function Parser:advance()
  local at = self.text:find("%S", self.position) or #self.text + 1
  for _, pattern in ipairs(PATTERNS) do
    local first, last, capture = self.text:find(pattern[2], at)
    if first then
      self.kind, self.token = pattern[1], capture or self.text:sub(first, last)
      self.position = last + 1
      return
    end
  end
  if at <= #self.text then
    self:fail("a token")
  end
  self.kind, self.token, self.position = "end", "the end", at
end

function Parser:fail(wanted)
  error(string.format("%s expected at %d in query %q", wanted, self.position, self.text), 0)
end

-- Moves past the token if it is this word or sign.
function Parser:accept(token)
  local found = self.kind ~= "string" and self.token == token
  if found then
    self:advance()
  end
  return found
end

function Parser:comparison()
  local name, compare = self.token, nil
  if self.kind ~= "word" then
    self:fail("a name")
  end
  self:advance()
  compare = self.kind == "sign" and COMPARISONS[self.token] or self:fail("a comparison")
  self:advance()
  if self.kind ~= "number" and self.kind ~= "string" then
    self:fail("a number or string")
  end
  local wanted = self.kind == "number" and tonumber(self.token) or self.token
  self:advance()
  return function(entry) return compare(entry[name], wanted) end
end

function Parser:term()
  if self:accept("not") then
    local term = self:term()
    return function(entry) return not term(entry) end
  end
  if self:accept("(") then
    local inner = self:query()
    return self:accept(")") and inner or self:fail("')'")
  end
  return self:comparison()
end

function Parser:conjunct()
  local left = self:term()
  while self:accept("and") do
    local before, right = left, self:term()
    left = function(entry) return before(entry) and right(entry) end
  end
  return left
end

function Parser:query()
  local left = self:conjunct()
  while self:accept("or") do
    local before, right = left, self:conjunct()
    left = function(entry) return before(entry) or right(entry) end
  end
  return left
end

-- The function for a query; an error says what is wrong with it.
function query.compile(text)
  local parser = setmetatable({ text = text, position = 1 }, Parser)
  parser:advance()
  local selects = parser:query()
  return parser.kind == "end" and selects or parser:fail("the end")
end

return query
