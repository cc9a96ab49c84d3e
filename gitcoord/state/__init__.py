"""What is remembered: records that change, and what happened.

documents.py  one TOML document <-> its bytes: schema, any text, no nulls
store.py      records: trees of documents under refs, changed by compare-and-swap
journal.py    events: appended by many, followed by many, sealed into refs
events.py     events and the places between them, as values
segments.py   the bytes of a journal: frames that are whole or not there
sealed.py     full segments as blobs in refs
search.py     events by text, kind, field and time, across clones
"""
