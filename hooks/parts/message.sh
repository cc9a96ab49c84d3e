# Most messages have no word that could be a secret: seen without a process. The shortest token
# of redaction.py has 20 characters; those that are shorter or have a slash are named.
lines=0 sure=yes
set -f
IFS=' 	/'
while IFS= read -r line || [ -n "$line" ]; do
    lines=$((lines + 1))
    [ "$lines" -le 50 ] || sure=
    case $line in
        *://* | *-----* | *xox* | *slack.com* | *discord* | *whsec_* | *glsa_* | *glc_* | *sntry* | \
            *fm[12]_* | *sig=* | *earer* | *uthorization* | *asic\ *) sure= ;;
        *[:=]*)
            case $line in
                *[kK][eE][yY]* | *[aA][sS][sS][wW]* | *assphrase* | *[pP][wW][dD]* | \
                    *[eE][cC][rR][eE][tT]* | *[oO][kK][eE][nN]* | *redential* | *auth*) sure= ;;
            esac ;;
    esac
    for word in $line; do
        case $word in ????????????????????*) sure= ;; esac
    done
    [ "$sure" ] || break
done <"$1"
set +f
unset IFS
[ -z "$sure" ] || exit 0
# Then as the gate before a commit looks at lines, which is still a tenth of the full check.
if "$python" -I -S -c '
import sys
sys.path.insert(0, sys.argv[1])
import gate
del sys.path[0]
gate.check_secrets(gate.read(sys.argv[2].encode("utf-8", "surrogateescape"), 100000))
' "$gitcoord/hooks" "$1" 2>/dev/null; then exit 0; fi
