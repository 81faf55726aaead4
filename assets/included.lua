-- Texts that a step before the render writes: `::: {.included file="chapters/reference/_figures.md"}` and `:::` stand for that file.
--
-- Quarto has a shortcode for it, `include`, but looks for the files before that step, where a new checkout has none. So this filter
-- reads them later; the built-in renderer, which runs the step first, puts them in by itself (modaddlab/report/project.py).

function Div(div)
  if not quarto or not div.classes:includes("included") then return nil end
  local path = pandoc.path.join({ quarto.project.directory, div.attributes.file })
  local file = assert(io.open(path, "rb"), "there is no " .. path .. ": modaddlab/report/quarto_step.py begin writes it")
  local text = file:read("a")
  file:close()
  return pandoc.read(text, "markdown").blocks
end
