"""From chapters to a site and a PDF: `python -m modaddlab.report render`.

Quarto renders the book where it is installed; the built-in renderer makes the same pages from parts of the package
registry where it is not. The modules, in the order in which a render meets them:

    vocabulary what a source may say, in each place
    styles     the book's style sheets, for both engines
    project    _quarto.yml: chapters, parts, options          rendering which renderer, and the render as a whole
    qmd        a chapter's source: Markdown and cells         folder    where a site may lie; lock; exchange; mark: whose it is
    execute    cells run, or outputs from the cache           builtin   the built-in renderer, from here to the files
    trace      what an execution read                         preview   serve, watch, render, reload
    outputs    outputs as Markdown                            check     dead links, missing images, requests
    pandoc     pandoc documents                               executions  keeps Quarto's cache from going stale
    crossref   numbers and references                         display   what is said meanwhile
    constructs callouts, tabsets, columns                     errors    what was wrong, with file and line
    pages      HTML;  pdf  Typst and PDF                     listings   search index, previews, sitemap
                                                             downloads  notebooks, llms.txt
"""
