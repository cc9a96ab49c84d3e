if ! [ -x "$python" ] || ! [ -f "$gitcoord/main.py" ]; then
    echo "gitcoord is not at $gitcoord any more: its checks are left out. Once it is installed again, run: gitcoord hooks install" >&2
    exit 0
fi
