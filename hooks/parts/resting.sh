# Once for a whole rebase, and not for each of its commits.
if [ -d "$folder/rebase-merge" ] || [ -d "$folder/rebase-apply" ]; then exit "$code"; fi
