"""One review on its way into its target.

composing.py  what a review becomes there, in memory: merge, squash or rebase
trees.py      two commits merged in memory
replaying.py  commits made again on another parent
trailers.py   the message it lands with
signing.py    the signature
merge.py      one review merged by a person: planned, shown, carried out
landing.py    a target moved, its checkout along with it
checkout.py   the files of that checkout
intent.py     such a move announced before, and settled when its process died
"""
