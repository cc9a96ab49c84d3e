#!/bin/sh
# Not gitcoord's: git's @event@, run where it has always been.
@before@
[ ! -x "$hook" ] || exec "$hook" "$@"
exit 0
