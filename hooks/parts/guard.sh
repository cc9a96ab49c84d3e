# What surely is this worktree's own to change needs no process to be told so.
folder=.
if [ -f .git ]; then IFS= read -r folder <.git || :; fi
folder=${folder#gitdir: }
[ -f "$folder/agentcoord-id" ] || exit 0
own= rebased= sure=yes common=
IFS= read -r own <"$folder/HEAD" || :
own=${own#ref: }
IFS= read -r common <"$folder/commondir" || :
case $common in /*) ;; *) common=$folder/$common ;; esac
for part in rebase-merge rebase-apply; do
    if [ -f "$folder/$part/head-name" ]; then IFS= read -r rebased <"$folder/$part/head-name" || :; fi
done
while IFS=' ' read -r old new ref; do
    case $ref in
        "$own" | "$rebased" | refs/remotes/* | refs/tags/*) continue ;;
        refs/bisect/* | refs/worktree/* | refs/rewritten/*) continue ;;
        refs/*) ;;
        *) continue ;;
    esac
    # git gc drops files of refs one by one, once they are packed: nothing moves.
    case $new in
        *[!0]*) ;;
        *) grep -qxF -e "$old $ref" "$common/packed-refs" 2>/dev/null && continue ;;
    esac
    sure=
done <<END
$input
END
[ -z "$sure" ] || exit 0
