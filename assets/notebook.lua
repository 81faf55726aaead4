-- The link from a chapter's page to its notebook under Quarto, whose own pages have no place for it; the frame of the built-in
-- renderer's pages has one. The notebooks are made after the render (modaddlab/report/downloads.py).

function Pandoc(document)
  if not quarto or not quarto.doc.is_format("html") then return nil end
  local cells = false
  document:walk({ Div = function(div) cells = cells or div.classes:includes("cell") end })
  if not cells then return nil end
  local name = pandoc.path.split_extension(pandoc.path.filename(quarto.doc.input_file)) .. ".ipynb"
  document.blocks:insert(pandoc.Para({ pandoc.Link("This chapter as a notebook", name, "", { download = name }) }))
  return document
end
