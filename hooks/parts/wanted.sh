# Only agents' commits are looked at unless the settings say all: mostly told without a process.
if ! [ -f "$folder/agentcoord-id" ] && [ -z "${GITCOORD_HOOKS_VALIDATE-}" ]; then
    common=$folder wanted=
    if [ -f "$folder/commondir" ]; then
        IFS= read -r common <"$folder/commondir" || :
        case $common in /*) ;; *) common=$folder/$common ;; esac
    fi
    for settings in "$common/agentcoord/config.toml" \
        "${XDG_CONFIG_HOME:-$HOME/.config}/gitcoord/config.toml" \
        "$HOME/Library/Application Support/gitcoord/config.toml"; do
        if [ -f "$settings" ] && grep -q validate "$settings"; then wanted=yes; fi
    done
    [ "$wanted" ] || exit "$code"
fi
