"""The standard report of a run: all that the book knows of one network, on one page.

    python -m modaddlab.report run mainline          the command
    study.report()                                   the same in Python; a notebook shows it

`sections` says what is in it, `measured` computes it for a network and for the networks it is held against, `criteria` judges it,
`pages` writes it, `command` takes the user's wishes.
"""
