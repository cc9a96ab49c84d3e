"""Conflicts git does not see: two sides that merge as text and break in meaning.

Promises: no model, no network, no code is run; every answer names both places and a
confidence, and stands in git's own merge of the two. What cannot be parsed is left out,
silently: a warning is worth more than a guess.

    outline     what a file defines, uses and claims, as values
    languages   which reader a file's ending calls for: python (by `ast`, with folding and
                signatures), c, go, java, javascript, ruby and rust (treereader, by the parsers
                of grammars), plain; gathering is what all but plain share
    mentions    names in string literals
    registers   calls that give something a name: routes, commands, options
    change      what one side changed, in those words
    calls       whether a call fits the signature a function got
    resolve     which file a name comes from
    rules, claiming, texts      two changes -> candidates
    shelf, words    what was read and parsed; where a word stands in one side's code
    joining     which pairs of sides share a name, by an inverted index
    kept        what is known of sides and pairs, by content, in a file
    apart       half of the parsing in a process of its own
    search      what is new, confirmed on the merge
    clashes     the answers as a scan tells them
"""
