"$python" -I -c '
import os, sys
os.closerange(3, 1 << 20)
os.setsid()
sys.path.append(sys.argv.pop(1))
from gitcoord.main import main
sys.argv[0] = "gitcoord"
main()
' "${gitcoord%/*}" hook @event@ "$@" >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
exit "$code"
