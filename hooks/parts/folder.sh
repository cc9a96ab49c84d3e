folder=${GIT_DIR:-.git}
if [ -f "$folder" ]; then
    IFS= read -r folder <"$folder" || :
    folder=${folder#gitdir: }
fi
