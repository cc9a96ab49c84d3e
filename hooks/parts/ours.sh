"$python" -I -c '
import sys
sys.path.append(sys.argv.pop(1))
try:
    from gitcoord.main import main
    sys.argv[0] = "gitcoord"
    main()
except SystemExit as end:
    sys.exit(10 if end.code == 1 else end.code)
except Exception as error:
    sys.exit(f"gitcoord: {error!r:.200}")
' "${gitcoord%/*}" hook @event@ "$@"
# Only a no that we said ourselves is one: Python ends with 1 for reasons of its own.
case $? in
    0) exit 0 ;;
    10) exit 1 ;;
    130) exit 130 ;;
esac
echo 'gitcoord could not check this, and git goes on without. See why: gitcoord hooks status' >&2
exit 0
