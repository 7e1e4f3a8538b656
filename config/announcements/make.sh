#!/bin/sh
# Makes the audio files of the announcements from their wording:
#
#   sh config/announcements/make.sh [DIRECTORY ...]
#
# A DIRECTORY is named after its language (de, en) and has a wording.txt, a line for each
# announcement: its name, a colon and a space, the sentence. Each becomes NAME.wav beside it, mono,
# 16 kHz, 16 bit, at a loudness of -16 LUFS, with the sentence in its comment. Without a DIRECTORY
# the files that came with camerad are made anew. It needs espeak-ng and ffmpeg.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
[ "$#" -gt 0 ] || set -- "$here/de" "$here/en"

# Nothing is waited for before the first word and after the last.
trim='silenceremove=start_periods=1:start_threshold=-50dB,areverse'
filters="$trim,$trim,loudnorm=I=-16:TP=-1.5,aresample=16000"

spoken=$(mktemp -d)
trap 'rm -rf "$spoken"' EXIT

for directory in "$@"; do
    language=$(basename -- "$directory")
    while IFS= read -r line; do
        name=${line%%: *}
        sentence=${line#*: }
        espeak-ng -v "$language" -s 155 -w "$spoken/raw.wav" -- "$sentence" </dev/null
        ffmpeg -v error -nostdin -y -i "$spoken/raw.wav" -af "$filters" -ac 1 -c:a pcm_s16le \
            -map_metadata -1 -metadata "comment=$sentence" -fflags +bitexact \
            "$directory/$name.wav"
    done <"$directory/wording.txt"
done
