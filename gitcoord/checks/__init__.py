"""What can be said of a file's content alone, before anyone reads it.

    remark.py    one thing to say, and where
    content.py   the checks over files, as a pure function
    markers.py   conflict markers somebody forgot
    syntax.py    files that no longer parse
    grammars.py  parsers of tree-sitter's wheels, by a file's ending
    trees.py     what changed between two trees, or is staged, as files to examine

A false alarm costs more than a miss: whoever is stopped twice for nothing switches all of it
off. So only what was added is looked at, and what did not parse before is left alone.
"""
