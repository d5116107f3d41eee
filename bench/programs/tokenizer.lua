-- A tokenizer, a recursive descent parser and an evaluator of a small language.
-- tiny: 2
local size = tonumber(arg and arg[1]) or 110

local KEYWORDS = {}
for word in ("let while do if then else end print and or not"):gmatch("%a+") do KEYWORDS[word] = true end

local function tokenize(source)
  local tokens, at, line = {}, 1, 1
  local function add(kind, text) tokens[#tokens + 1] = { kind = kind, text = text, line = line } end
  while true do
    local from, to = source:find("^%s+", at)
    if from then
      local _, breaks = source:sub(from, to):gsub("\n", "")
      line, at = line + breaks, to + 1
    end
    if at > #source then break end
    local text = source:match("^%-%-[^\n]*", at)
    if not text then
      text = source:match("^[%a_][%w_]*", at)
      if text then
        add(KEYWORDS[text] and text or "name", text)
      else
        text = source:match("^%d+%.?%d*", at)
        if text then
          add("number", text)
        else
          text = source:match('^"[^"\n]*"', at) or source:match("^[=~<>]=", at) or source:match("^[-+*/%%=<>(),]", at)
          if not text then error(("line %d: unexpected character '%s'"):format(line, source:sub(at, at)), 0) end
          add(text:sub(1, 1) == '"' and "string" or text, text)
        end
      end
    end
    at = at + #text
  end
  add("eof", "end of text")
  return tokens
end

local Parser = {}
Parser.__index = Parser
function Parser.new(source) return setmetatable({ tokens = tokenize(source), at = 1 }, Parser) end
function Parser:peek() return self.tokens[self.at].kind end
function Parser:next()
  local token = self.tokens[self.at]
  self.at = self.at + 1
  return token
end
function Parser:accept(kind) return self:peek() == kind and self:next() or nil end
function Parser:expect(kind)
  local token = self:next()
  if token.kind ~= kind then
    error(("line %d: '%s' expected near '%s'"):format(token.line, kind, token.text), 0)
  end
  return token
end

local PRECEDENCE = {
  ["or"] = 1, ["and"] = 2, ["<"] = 3, [">"] = 3, ["<="] = 3, [">="] = 3, ["=="] = 3, ["~="] = 3,
  ["+"] = 4, ["-"] = 4, ["*"] = 5, ["/"] = 5, ["%"] = 5,
}
function Parser:primary()
  local token = self:next()
  local kind = token.kind
  if kind == "number" then return { kind = "constant", value = tonumber(token.text) } end
  if kind == "string" then return { kind = "constant", value = token.text:sub(2, -2) } end
  if kind == "name" then return { kind = "name", name = token.text } end
  if kind == "-" or kind == "not" then return { kind = "unary", op = kind, right = self:expression(6) } end
  if kind == "(" then
    local inner = self:expression(0)
    self:expect(")")
    return inner
  end
  error(("line %d: unexpected '%s'"):format(token.line, token.text), 0)
end
function Parser:expression(limit)
  local left = self:primary()
  while true do
    local op = self:peek()
    local strength = PRECEDENCE[op]
    if not strength or strength <= limit then return left end
    self:next()
    left = { kind = "binary", op = op, left = left, right = self:expression(strength) }
  end
end
function Parser:block(...)
  local block, ends = { kind = "block" }, {}
  for _, kind in ipairs { ... } do ends[kind] = true end
  while not ends[self:peek()] do block[#block + 1] = self:statement() end
  return block
end
function Parser:statement()
  if self:accept("while") then
    local condition = self:expression(0)
    self:expect("do")
    local body = self:block("end")
    self:expect("end")
    return { kind = "while", condition = condition, body = body }
  elseif self:accept("if") then
    local condition = self:expression(0)
    self:expect("then")
    local yes, no = self:block("else", "end"), nil
    if self:accept("else") then no = self:block("end") end
    self:expect("end")
    return { kind = "if", condition = condition, yes = yes, no = no }
  elseif self:accept("print") then
    return { kind = "print", value = self:expression(0) }
  end
  self:accept("let")
  local name = self:expect("name").text
  self:expect("=")
  return { kind = "assign", name = name, value = self:expression(0) }
end

local BINARY = {
  ["+"] = function(a, b) return a + b end, ["-"] = function(a, b) return a - b end,
  ["*"] = function(a, b) return a * b end, ["/"] = function(a, b) return a / b end,
  ["%"] = function(a, b) return a % b end, ["<"] = function(a, b) return a < b end,
  [">"] = function(a, b) return a > b end, ["<="] = function(a, b) return a <= b end,
  [">="] = function(a, b) return a >= b end, ["=="] = function(a, b) return a == b end,
  ["~="] = function(a, b) return a ~= b end,
}
local evaluate = {}
local function run(node, state) return evaluate[node.kind](node, state) end
function evaluate.constant(node) return node.value end
function evaluate.name(node, state) return state.variables[node.name] end
function evaluate.unary(node, state)
  local value = run(node.right, state)
  if node.op == "not" then return not value end
  return -value
end
function evaluate.binary(node, state)
  local left = run(node.left, state)
  if node.op == "and" then return left and run(node.right, state) end
  if node.op == "or" then return left or run(node.right, state) end
  return BINARY[node.op](left, run(node.right, state))
end
function evaluate.assign(node, state) state.variables[node.name] = run(node.value, state) end
function evaluate.print(node, state) state.output[#state.output + 1] = tostring(run(node.value, state)) end
function evaluate.block(node, state) for _, statement in ipairs(node) do run(statement, state) end end
evaluate["while"] = function(node, state)
  while run(node.condition, state) do run(node.body, state) end
end
evaluate["if"] = function(node, state)
  if run(node.condition, state) then
    run(node.yes, state)
  elseif node.no then
    run(node.no, state)
  end
end

local piece = [[
-- Collatz from %d
let n%d = %d
let steps = 0
while n%d ~= 1 do
  if n%d %% 2 == 0 then n%d = n%d / 2 else n%d = 3 * n%d + 1 end
  steps = steps + 1
end
if steps > 20 and not (steps == 21) or steps < 3 then print "long" else print steps end
print -(steps + 1) * 2 - (3 - 4) / 8
]]
local parts = {}
for i = 1, 40 do parts[i] = piece:gsub("%%d", tostring(i)):gsub("%%%%", "%%") end
local source = table.concat(parts)

local nodes, output = 0, nil
for _ = 1, size // 2 do
  local parser = Parser.new(source)
  local tree = parser:block("eof")
  local state = { variables = {}, output = {} }
  run(tree, state)
  nodes, output = nodes + #parser.tokens, state.output
end
print(nodes, #output, table.concat(output, " ", 1, 12))
for _, wrong in ipairs { "let = 3", "x = (1 + 2", "x = 1 ? 2", "while 1 do\nx = 1\n" } do
  print(pcall(function() return Parser.new(wrong):block("eof") end))
end
