# gitcoord's @event@. gitcoord hooks uninstall removes it; once changed by hand it stays as it is.
python=@python@ gitcoord=@package@
@before@
if [ "${GITCOORD_HOOKS-}" = off ]; then
    [ ! -x "$hook" ] || exec "$hook" "$@"
    exit 0
fi
