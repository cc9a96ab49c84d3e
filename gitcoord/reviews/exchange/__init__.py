"""Reviews given away and taken in.

sync.py       with another clone, through a remote
uniting.py    one review of two clones: the files of both
export.py     as git-appraise has them: which lines in which notes
notes.py      lines added to git notes, each once
"""
