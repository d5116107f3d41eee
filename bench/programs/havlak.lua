-- Havlak's loop finder on control flow graphs: objects, sets as tables, depth-first walks.
-- tiny: 1
local size = tonumber(arg and arg[1]) or 110

local Block = {}
Block.__index = Block
function Block.new(id)
  return setmetatable({ id = id, preds = {}, succs = {} }, Block)
end
function Block:link(to)
  self.succs[#self.succs + 1] = to
  to.preds[#to.preds + 1] = self
end

local Graph = {}
Graph.__index = Graph
function Graph.new()
  local graph = setmetatable({ blocks = {} }, Graph)
  graph.entry = graph:block()
  return graph
end
function Graph:block()
  local block = Block.new(#self.blocks + 1)
  self.blocks[block.id] = block
  return block
end
function Graph:straight(from, length)
  for _ = 1, length do
    local following = self:block()
    from:link(following)
    from = following
  end
  return from
end
function Graph:diamond(from)
  local left, right, join = self:block(), self:block(), self:block()
  from:link(left)
  from:link(right)
  left:link(join)
  right:link(join)
  return join
end
-- A loop around what `body` makes; returns the block after it.
function Graph:loop(from, body)
  local head = self:straight(from, 1)
  local last = body(self, self:diamond(head))
  last:link(head)
  local after = self:block()
  head:link(after)
  return after
end
function Graph:nest(from, depth)
  if depth == 0 then return self:straight(from, 2) end
  return self:loop(from, function(graph, inside) return graph:nest(inside, depth - 1) end)
end

local Loop = {}
Loop.__index = Loop
function Loop.new(header, reducible)
  return setmetatable({ header = header, reducible = reducible, children = {}, blocks = {} }, Loop)
end
function Loop:adopt(child)
  child.parent = self
  self.children[#self.children + 1] = child
end
function Loop:depth()
  local deepest = 0
  for _, child in ipairs(self.children) do deepest = math.max(deepest, child:depth()) end
  return deepest + 1
end

-- A node of the union-find structure that merges the bodies of loops into their headers.
local Node = {}
Node.__index = Node
function Node.new(block, number)
  local node = setmetatable({ block = block, number = number }, Node)
  node.parent = node
  return node
end
function Node:find()
  local root = self
  while root.parent ~= root do root = root.parent end
  local node = self
  while node ~= root do node, node.parent = node.parent, root end
  return root
end

local Finder = {}
Finder.__index = Finder
function Finder.new(graph)
  return setmetatable({ graph = graph, nodes = {}, number = {}, last = {}, back = {}, other = {}, loops = {} }, Finder)
end
function Finder:visit(block)
  local node = Node.new(block, #self.nodes + 1)
  self.nodes[node.number], self.number[block] = node, node.number
  for _, succ in ipairs(block.succs) do
    if not self.number[succ] then self:visit(succ) end
  end
  self.last[node.number] = #self.nodes
end
function Finder:is_ancestor(above, below) return above <= below and below <= self.last[above] end
function Finder:sort_edges()
  for w, node in ipairs(self.nodes) do
    local back, other = {}, {}
    for _, pred in ipairs(node.block.preds) do
      local v = self.number[pred]
      if v then
        local list = self:is_ancestor(w, v) and back or other
        list[#list + 1] = v
      end
    end
    self.back[w], self.other[w] = back, other
  end
end
-- Collects the bodies of the back edges into w; an edge from outside makes the loop irreducible.
function Finder:body(w)
  local body, seen, reducible = {}, {}, true
  local function add(node)
    if node.number ~= w and not seen[node] then
      seen[node] = true
      body[#body + 1] = node
    end
  end
  for _, v in ipairs(self.back[w]) do add(self.nodes[v]:find()) end
  local i = 1
  while i <= #body do
    for _, v in ipairs(self.other[body[i].number]) do
      local node = self.nodes[v]:find()
      if self:is_ancestor(w, node.number) then
        add(node)
      else
        reducible = false
        table.insert(self.other[w], node.number)
      end
    end
    i = i + 1
  end
  return body, reducible
end
function Finder:run()
  self:visit(self.graph.entry)
  self:sort_edges()
  for w = #self.nodes, 1, -1 do
    if #self.back[w] > 0 then
      local body, reducible = self:body(w)
      local loop = Loop.new(self.nodes[w].block, reducible)
      for _, node in ipairs(body) do
        node.parent = self.nodes[w]
        if node.loop then loop:adopt(node.loop) else loop.blocks[#loop.blocks + 1] = node.block end
      end
      self.nodes[w].loop = loop
      self.loops[#self.loops + 1] = loop
    end
  end
  return self.loops
end

local graph = Graph.new()
local at = graph:straight(graph.entry, 2)
for i = 1, 60 do at = graph:nest(graph:diamond(at), 1 + i % 5) end
-- Jumps into the middle of loops.
for i = 200, #graph.blocks, 211 do graph.blocks[i - 150]:link(graph.blocks[i]) end

for round = 1, size do
  local loops = Finder.new(graph):run()
  if round == 1 or round == size then
    local deepest, irreducible, blocks, weight = 0, 0, 0, 0
    for _, loop in ipairs(loops) do
      blocks = blocks + #loop.blocks
      weight = (weight * 31 + loop.header.id) % 1000003
      if not loop.reducible then irreducible = irreducible + 1 end
      if not loop.parent then deepest = math.max(deepest, loop:depth()) end
    end
    print(#graph.blocks, #loops, deepest, irreducible, blocks, weight)
  end
end
