-- One quiet line under every figure `::: {#fig-x}` whose drawing carries its data (`figures.show(..., data=...)`): the folded code,
-- where there is some, and "Data (CSV)". The data move from the SVG into a file beside it.
--
-- Both engines run this filter on a chapter's document in the folder of its page, before any of their own: Quarto by
-- `filters: [{path: assets/figure-data.lua, at: pre-ast}]`, the built-in renderer by pandoc's --lua-filter.

local DATA = '<metadata id="figure%-data">(.-)</metadata>\n?'
local ENTITY = { ["&lt;"] = "<", ["&gt;"] = ">", ["&amp;"] = "&" }

local function content_of(path)
  local file = io.open(path, "rb")
  local content = file and file:read("a")
  if file then file:close() end
  return content
end

local function put(path, content)
  local file = assert(io.open(path, "wb"))
  file:write(content)
  file:close()
end

-- The address of a drawing's data; they are taken out of it when it is first met.
local function data_beside(source, name)
  local address = pandoc.path.join({ pandoc.path.directory(source), name .. ".csv" })
  local drawing = content_of(source)
  local data = drawing and drawing:match(DATA)
  if data then
    put(address, (data:gsub("&%a+;", ENTITY)))
    put(source, (drawing:gsub(DATA, "", 1)))
  end
  return (data or content_of(address)) and address
end

function Div(div)
  if not div.identifier:match("^fig%-") then return nil end
  local address
  local line = pandoc.List()
  local figure = div:walk({
    Image = function(image)
      if not address and image.src:match("%.svg$") then address = data_beside(image.src, div.identifier) end
    end,
    CodeBlock = function(code)
      if code.classes:includes("cell-code") then
        line:insert(code)
        return {}
      end
    end,
  })
  if not address then return nil end
  local attributes = { class = "figure-data", download = div.identifier .. ".csv" }
  line:insert(pandoc.Plain({ pandoc.Link("Data (CSV)", address, "", attributes) }))
  local below = pandoc.Div(line, { class = "below-figure" })
  return { figure, pandoc.Div(below, { class = "content-visible", ["when-format"] = "html" }) }
end
