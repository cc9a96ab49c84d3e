# Once for a whole rebase, and not for each of its commits.
if [ -d "$folder/rebase-merge" ] || [ -d "$folder/rebase-apply" ]; then exit "$code"; fi
# So for commits picked or reverted together: after the last of them nothing else is to do.
if [ -f "$folder/sequencer/todo" ]; then
    if { IFS= read -r todo && IFS= read -r todo; } <"$folder/sequencer/todo"; then exit "$code"; fi
fi
