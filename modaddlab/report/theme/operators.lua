-- The space around cos and ln in a formula, which TeX and Typst set and MathML does not.
--
-- Both engines run this filter where they write HTML: Quarto by `filters` in _quarto.yml, the built-in renderer by pandoc's --lua-filter.

-- p\ln p and 2\cos\omega t with their thin spaces; none before a bracket.
local function operators(tex)
  local function spaced(head, next)
    if next ~= "\\" and next ~= "\\left" and not next:find("^\\[bB]ig") then return head .. "\\," .. next end
  end
  for name in ("\\sin \\cos \\ln \\log \\exp"):gmatch("%S+") do
    tex = tex:gsub("([%w})])%s*(" .. name .. ")%f[%A]", "%1\\,%2")
    tex = tex:gsub("(" .. name .. "%f[%A])%s*([%w\\]%a*)", spaced):gsub("(" .. name .. "%s*%^%d)%s*([%w\\]%a*)", spaced)
  end
  return tex
end

function Math(formula)
  if not FORMAT:find("html") then return nil end
  formula.text = operators(formula.text)
  return formula
end
