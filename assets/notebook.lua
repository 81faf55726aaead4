-- The link from a chapter's page to its notebook under Quarto, whose own pages have no place for it; the frame of the built-in
-- renderer's pages has one. The notebooks are made after the render (modaddlab/report/downloads.py): Quarto is not to look for them.

function Pandoc(document)
  if not quarto or not quarto.doc.is_format("html") then return nil end
  local cells = false
  document:walk({ Div = function(div) cells = cells or div.classes:includes("cell") end })
  if not cells then return nil end
  local name = pandoc.path.split_extension(pandoc.path.filename(quarto.doc.input_file)) .. ".ipynb"
  local link = ('<p><a href="%s" data-noresolveinput download>This chapter as a notebook</a></p>'):format(name)
  document.blocks:insert(pandoc.RawBlock("html", link))
  return document
end
