-- The first use of a term in each chapter leads to the glossary and shows what the term means; the glossary (chapters/glossary.qmd,
-- a list of terms and what they mean) gives each term its label. "Multilayer perceptron (MLP)" is found under both of its names.
--
-- Both engines run this filter on a chapter's document before any of their own: Quarto by
-- `filters: [{path: assets/glossary.lua, at: pre-ast}]`, the built-in renderer by pandoc's --lua-filter. On paper a term is a word
-- like any other, and the glossary is an appendix.

local GLOSSARY = "chapters/glossary.qmd"
local stringify = pandoc.utils.stringify

local function label_of(name) return "term-" .. name:lower():gsub("%W+", "-") end

-- The project's folder: Quarto says it; in the built-in renderer this file lies in its folder `assets`.
local function root()
  if quarto then return quarto.project.directory end
  return pandoc.path.directory(pandoc.path.directory(PANDOC_SCRIPT_FILE))
end

local function names_of(term)
  local main, short = term:match("^(.-)%s*%((.-)%)$")
  return main and { main, short } or { term }
end

-- The words of a name in small letters, but for short ones in capitals: "nat" is not "NAT".
local function words_of(name)
  local words = pandoc.List()
  for word in name:gmatch("%S+") do words:insert(word == word:upper() and word or word:lower()) end
  return words
end

local function read_glossary()
  local file = io.open(pandoc.path.join({ root(), GLOSSARY }), "rb")
  if not file then return {} end
  local document = pandoc.read(file:read("a"), "markdown")
  file:close()
  local found = {}
  document:walk({
    DefinitionList = function(list)
      for _, item in ipairs(list.content) do
        local term = stringify(item[1])
        local meaning = stringify(item[2][1]):gsub("%s+", " ")
        for _, name in ipairs(names_of(term)) do
          table.insert(found, { words = words_of(name), label = label_of(names_of(term)[1]), meaning = meaning })
        end
      end
    end,
  })
  table.sort(found, function(a, b) return #a.words > #b.words end)
  return found
end

local OPENS, CLOSES = "^[%(%[\"'“‘]*", "[%.,;:!?%)%]\"'”’]*$"

-- A word without the marks around it, and these.
local function bare(text)
  local before = text:match(OPENS)
  local rest = text:sub(#before + 1)
  local after = rest:match(CLOSES)
  return rest:sub(1, #rest - #after), before, after
end

local function same(word, wanted, is_last)
  if wanted == wanted:upper() then return word == wanted or is_last and word == wanted .. "s" end
  word = word:lower()
  return word == wanted or is_last and (word == wanted .. "s" or wanted:match("y$") and word == wanted:gsub("y$", "ies"))
end

-- Where a term stands in a line of words: its first and last element and the marks around it; nil where it does not begin at i.
local function stands_at(inlines, i, words)
  local before, after
  for n, wanted in ipairs(words) do
    local at = i + 2 * (n - 1)
    local space = inlines[at - 1]
    if n > 1 and not (space and (space.t == "Space" or space.t == "SoftBreak")) then return nil end
    if not (inlines[at] and inlines[at].t == "Str") then return nil end
    local word, opens, closes = bare(inlines[at].text)
    if not same(word, wanted, n == #words) or n > 1 and opens ~= "" or n < #words and closes ~= "" then return nil end
    before, after = before or opens, closes
  end
  return i + 2 * (#words - 1), before, after
end

local function marked(document, terms, glossary)
  local used = {}
  local function leave(element) return element, false end

  local mark
  function mark(inlines)
    local found, i, changed = pandoc.Inlines({}), 1, false
    while i <= #inlines do
      if ({ Emph = 1, Strong = 1, Quoted = 1 })[inlines[i].t] then  -- in the order of reading
        local inner = mark(inlines[i].content)
        if inner then inlines[i].content, changed = inner, true end
      end
      local last, before, after, term
      for _, candidate in ipairs(inlines[i].t == "Str" and terms or {}) do
        last, before, after = stands_at(inlines, i, candidate.words)
        term = candidate
        if last then break end
      end
      if last and not used[term.label] then
        used[term.label], changed = true, true
        local words = pandoc.Inlines({})
        for k = i, last do words:insert(inlines[k].t == "Str" and pandoc.Str((bare(inlines[k].text))) or inlines[k]) end
        if before ~= "" then found:insert(pandoc.Str(before)) end
        found:insert(pandoc.Link(words, glossary .. "#" .. term.label, term.meaning, { class = "term" }))
        if after ~= "" then found:insert(pandoc.Str(after)) end
      else
        for k = i, last or i do found:insert(inlines[k]) end
      end
      i = (last or i) + 1
    end
    return changed and found or nil
  end

  return document:walk({
    traverse = "topdown",
    Header = leave, Link = leave, Cite = leave, Image = leave, Note = leave, Table = leave, Figure = leave,
    Div = function(div) if div.identifier:match("^%a+%-") then return div, false end end,
    Inlines = mark,
  })
end

local function labelled(document)
  return document:walk({
    DefinitionList = function(list)
      for _, item in ipairs(list.content) do
        item[1] = pandoc.Inlines({ pandoc.Span(item[1], { id = label_of(names_of(stringify(item[1]))[1]) }) })
      end
      return list
    end,
  })
end

-- Which chapter this is, from the project's folder; the built-in renderer says so in the document.
local function path_of(document)
  local path = quarto and pandoc.path.make_relative(quarto.doc.input_file, root()) or stringify(document.meta["chapter-path"] or "")
  return (path:gsub("\\", "/"))
end

function Pandoc(document)
  local path = path_of(document)
  if path == GLOSSARY then return labelled(document) end
  if FORMAT:match("typst") then return nil end
  return marked(document, read_glossary(), ("../"):rep(select(2, path:gsub("/", ""))) .. GLOSSARY)
end
