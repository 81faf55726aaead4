-- One typography for what is typed and what is computed: percent signs behind a narrow no-break space, true minus signs,
-- powers of ten in place of e-08, and no line that ends inside a number, "n = 10", "< 5" or an interval.
--
-- Words alone are changed: no code, formula, address or alternative text. Both engines run this filter over a whole chapter, Quarto by
-- `filters: [{path: assets/typography.lua, at: post-quarto}]`, when values and references stand in their sentences, the built-in renderer
-- by pandoc's --lua-filter, after it has put them there.

local NARROW, FIXED, MINUS, TIMES = "\u{202F}", "\u{A0}", "−", "×"
local RAISED = { ["-"] = "⁻", ["0"] = "⁰", ["1"] = "¹", ["2"] = "²", ["3"] = "³", ["4"] = "⁴",
  ["5"] = "⁵", ["6"] = "⁶", ["7"] = "⁷", ["8"] = "⁸", ["9"] = "⁹" }

local function power(mantissa, sign, exponent)
  local raised = (sign == "-" and "-" or "") .. exponent:gsub("^0+(%d)", "%1")
  return mantissa .. FIXED .. TIMES .. FIXED .. "10" .. raised:gsub(".", RAISED)
end

-- A word by itself; addresses are left alone.
local function word(text)
  if text:find("://", 1, true) then return text end
  text = text:gsub("(%d)%%", "%1" .. NARROW .. "%%"):gsub("^([%[(]*)%-(%d)", "%1" .. MINUS .. "%2")
  return (text:gsub("^([%[(]*%d[%d.]*)e([+-])(%d+)", power):gsub("^([%[(]*" .. MINUS .. "%d[%d.]*)e([+-])(%d+)", power))
end

local function begins_number(text) return text:find("^%d") or text:sub(1, #MINUS) == MINUS and text:find("%d") == #MINUS + 1 end

-- What keeps two neighbouring words on one line; nothing where the line may end between them.
local function bond(left, right, in_table)
  if right:find("^%%") and left:find("%d$") then return NARROW end
  if right == TIMES and left:find("%d$") or left:sub(-#TIMES) == TIMES and begins_number(right) then return FIXED end
  if left:find("^[%[(]*%a$") and right == "=" or left:find("^[%[(]*%a" .. FIXED .. "=$") and begins_number(right) then return FIXED end
  if left:find("^[%[(]*[<>]$") and begins_number(right) then return FIXED end
  if left:find("%[[^%[%]]*%d[^%[%]]*,$") and begins_number(right) and right:find("^[^%[]*%]") then return FIXED end
  if in_table then return nil end
  local interval = right:find("^%[[^%]]*%d[^%]]*,.*%]") and begins_number(right:sub(2))
  local number = left:find("%d$") or left:find("%d" .. NARROW .. "%%$") or left:find("10[\x80-\xFF]+$")  -- or a power of ten
  if interval and number then return FIXED end
end

-- Neighbours are joined from left to right, until nothing is left to join.
local function typeset(inlines, in_table)
  local found, changed = inlines:map(function(inline)
    return inline.t == "Str" and pandoc.Str(word(inline.text)) or inline
  end), true
  while changed do
    changed = false
    local joined, i = pandoc.Inlines({}), 1
    while i <= #found do
      local left, space, right = found[i], found[i + 1], found[i + 2]
      local kept = left.t == "Str" and right and right.t == "Str" and (space.t == "Space" or space.t == "SoftBreak")
        and bond(left.text, right.text, in_table)
      if kept then
        joined:insert(pandoc.Str(left.text .. kept .. right.text))
        i, changed = i + 3, true
      else
        joined:insert(left)
        i = i + 1
      end
    end
    found = joined
  end
  return found
end

local function untouched(element) return element, false end

local typesetting
function typesetting(in_table)
  return {
    traverse = "topdown",
    Image = untouched,
    Table = not in_table and function(block) return block:walk(typesetting(true)), false end or nil,
    Inlines = function(inlines) return typeset(inlines, in_table) end,
  }
end

function Pandoc(document) return document:walk(typesetting(false)) end
