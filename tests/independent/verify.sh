#!/bin/sh
# Checks, and opens, a recording of camerad by docs/evidence-format.md alone, with tools that
# everybody has: tar, openssl, sha256sum, jq, age, ffmpeg. The numbers of sections are those of
# that page. It is slow, and says only what it finds first; camerad says it all.
#
#   verify.sh RECORDING.tar DEVICE-KEY.pem
#   verify.sh RECORDING.tar DEVICE-KEY.pem OFFICE-KEY-FILE OUTPUT.mp4
#
# Exit codes: 0 authentic and complete, 1 authentic with remarks, 2 not authentic, 3 unreadable.
set -eu
export LC_ALL=C

[ $# -eq 2 ] || [ $# -eq 4 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 64; }
recording=$1 key=$2 identity=${3-} output=${4-}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
members=$work/members
mkdir "$members"

bad() { echo "NOT AUTHENTIC: $*"; exit 2; }
unreadable() { echo "unreadable: $*"; exit 3; }
sha256() { sha256sum "$1" | cut -d ' ' -f 1; }
size() { wc -c < "$1" | tr -d ' '; }

# base64url without padding, of standard input (1).
encode() { base64 -w 0 | tr '+/' '-_' | tr -d '='; }

# One part of a token into a file; only the one spelling passes (1).
decode() { # PART FILE WHAT
    padded=$1
    while [ $((${#padded} % 4)) -ne 0 ]; do padded=$padded=; done
    printf %s "$padded" | tr -- '-_' '+/' | base64 -d > "$2" 2> /dev/null || bad "$3: not base64url"
    [ "$(encode < "$2")" = "$1" ] || bad "$3: not in the one spelling of base64url"
}

# -- section 3.1: the archive ----------------------------------------------------------------------

if [ ! -f "$recording" ] || [ ! -r "$recording" ]; then
    unreadable "$recording: not a file that can be read"
fi
[ -f "$key" ] || unreadable "$key: there is no such key"
tar tf "$recording" > "$work/names" 2> /dev/null || {
    [ "$(head -c 10 "$recording" | tr -d '\000')" != header.jws ] ||
        bad "the archive is cut or damaged"
    unreadable "$recording: not an archive"
}
case $(head -n 1 "$work/names") in
    header.jws) ;;
    *) grep -q '\.jws$' "$work/names" && bad "the header is not the first member"
       unreadable "$recording: not a recording" ;;
esac

commits=$(grep -c '^[0-9]\{6,\}\.jws$' "$work/names" || true)
{
    echo header.jws
    [ "$commits" -eq 0 ] || echo init.mp4.age
    n=0
    while [ "$n" -lt "$commits" ]; do
        printf '%06d.m4s.age\n%06d.jws\n' "$n" "$n"
        n=$((n + 1))
    done
    if grep -qx torn.bin "$work/names"; then echo torn.bin; fi
    echo end.jws
} > "$work/expected"
cmp -s "$work/names" "$work/expected" ||
    bad "members: $(diff "$work/expected" "$work/names" | sed -n '2p')"

tar xf "$recording" -C "$members" 2> /dev/null || bad "the archive is cut or damaged"
# Made anew from names and contents, it is the same file, or some byte around them was changed.
nul() { head -c "$1" /dev/zero; }
header() { # NAME SIZE CHECKSUM
    printf %s "$1"; nul $((100 - ${#1}))
    printf '0000444\0000000000\0000000000\000%011o\00000000000000\000%s0' "$2" "$3"; nul 100
    printf 'ustar\00000'; nul 64
    printf '0000000\0000000000\000'; nul 167
}
while read -r member; do
    bytes=$(size "$members/$member")
    sum=$(header "$member" "$bytes" '        ' | od -An -v -tu1 |
        awk '{ for (i = 1; i <= NF; i++) sum += $i } END { printf "%06o", sum }')
    header "$member" "$bytes" "$(printf '%s_ ' "$sum")" | tr _ '\000'
    cat "$members/$member"
    nul $(((512 - bytes % 512) % 512))
done < "$work/expected" > "$work/again"
nul 1024 >> "$work/again"
cmp -s "$work/again" "$recording" || bad "the archive around the members is not as it was written"

# -- section 2: statements -------------------------------------------------------------------------

x=$(openssl pkey -pubin -in "$key" -outform DER 2> /dev/null | tail -c 32 | encode) || x=
[ ${#x} -eq 43 ] || unreadable "$key: not an Ed25519 public key in PEM"
thumbprint=$(printf '{"crv":"Ed25519","kty":"OKP","x":"%s"}' "$x" |
    openssl dgst -sha256 -binary | encode)

# What the fields of the tables are (1, 3.3 to 3.9): each object has exactly these, and no others.
# shellcheck disable=SC2016 # the dollars are jq's
shapes='
def exactly($fields): type == "object" and keys == ($fields | split(" "));
def whole: type == "number" and (tojson | test("\\A(0|-?[1-9][0-9]*)\\z"));
def text: type == "string";
def flag: type == "boolean";
def maybe(it): . == null or it;
def every(it): type == "array" and all(.[]; it);
def moment: exactly("boot_us source wall_us") and (.boot_us | whole) and (.wall_us | whole)
    and (.source == "synchronised" or .source == "rtc" or .source == "unknown");
def content: exactly("bytes sha256") and (.bytes | whole) and (.sha256 | text);
def gap: exactly("frames from_us reason to_us") and (.frames | maybe(whole))
    and (.from_us | maybe(whole)) and (.to_us | maybe(whole)) and (.reason | text);
def state: exactly("at_us state why") and (.at_us | whole) and (.state | text)
    and (.why | maybe(text));
def stage: exactly("at_us display stage") and (.at_us | whole) and (.display | flag)
    and (.stage | text);
def rate: exactly("at_us from_fps reason to_fps") and (.at_us | whole) and (.reason | text)
    and all(.from_fps, .to_fps; whole and . >= 1) and .from_fps != .to_fps;
def rates: if has("rates") then .rates | every(rate) and . != [] else true end;
def said: rates and (.clock | moment) and (.clock_step_us | maybe(whole)) and (.gaps | every(gap))
    and (.marks | every(whole)) and (.stages | every(stage)) and (.sync_us | maybe(whole));
def microphone: exactly("channels device pre_event rate samples") and (.device | text)
    and (.pre_event | flag) and all(.channels, .rate, .samples; whole and . >= 1)
    and .channels <= 2;
def id: text and test("\\A[0-9]{8}T[0-9]{6}Z-[0-9]{6,18}-[0-9a-f]{8}\\z");
def header_fields: "boot_id clock continues device encoder format fps height id origin_us policy "
    + "pre_event_shortfall pre_event_wanted_us recipients retention_days software sound "
    + "started_wall_us trigger trigger_us wearer width";
def header: (del(.microphone) | exactly(header_fields))
    and (if has("microphone") then .microphone | microphone else true end)
    and all(.boot_id, .device, .encoder, .policy, .software, .trigger; text)
    and all(.origin_us, .pre_event_wanted_us, .started_wall_us, .trigger_us; whole)
    and all(.format, .fps, .height, .retention_days, .width; whole and . >= 1)
    and .retention_days <= 366 and (.clock | moment) and (.id | id) and (.continues | maybe(id))
    and all(.pre_event_shortfall, .wearer; maybe(text)) and (.recipients | every(text))
    and (.sound | flag);
def commit($sound): exactly("facts fragment init previous") and (.fragment | content)
    and (.init | maybe(content)) and (.previous | text) and (.facts
    | has("sound") == $sound and (del(.sound, .rates) | exactly("clock clock_step_us end_us first_us "
        + "frames gaps last_us marks sequence stages sync_us"))
    and said and all(.end_us, .first_us, .frames, .last_us, .sequence; whole)
    and (if has("sound") then .sound | exactly("end_us first_us gaps states units")
        and all(.end_us, .first_us; maybe(whole)) and (.gaps | every(gap))
        and (.states | every(state)) and (.units | whole) else true end));
def ending($sound): exactly("closing commits previous torn") and (.commits | whole)
    and (.previous | text) and (.torn | maybe(content)) and (.closing
    | has("sound") == $sound and (del(.sound, .rates) | exactly("at_us boot_id clock clock_step_us frames "
        + "gaps marks reason stages sync_us"))
    and said and all(.at_us, .frames; whole) and all(.boot_id, .reason; text)
    and (if has("sound") then .sound | exactly("gaps states units") and (.gaps | every(gap))
        and (.states | every(state)) and (.units | whole) else true end));
# What facts or an end tell of: not after LATEST, no mark before EARLIEST, no gap backwards (3.4).
def told($latest; $earliest): all(.gaps[], (.sound.gaps // [])[];
        .from_us == null or .to_us == null or .from_us <= .to_us)
    and all(.marks[], .stages[].at_us, (.rates // [])[].at_us, (.sound.states // [])[].at_us,
        (.gaps[], (.sound.gaps // [])[] | .from_us // 0, .to_us // 0); . <= $latest + 60000000)
    and all(.marks[]; . >= $earliest - 60000000);
# Each change of the rate begins with what the one before led to (3.4).
def follows($fps): reduce (.rates // [])[] as $one ($fps;
    if . == $one.from_fps then $one.to_fps else null end);
'

# Checks everything about a statement but what its fields mean; its payload is then in $payload.
payload=$work/payload
statement() { # MEMBER KIND SHAPE
    token=$(cat "$members/$1"; echo .)
    token=${token%.}
    [ "${#token}" -eq "$(size "$members/$1")" ] || bad "$1: has bytes that no statement has"
    [ "${#token}" -le 1048576 ] || bad "$1: too long for a statement"
    case $token in
        *.*.*.*) bad "$1: more than three parts" ;;
        *[!A-Za-z0-9_.-]*) bad "$1: not base64url" ;;
        *.*.*) ;;
        *) bad "$1: fewer than three parts" ;;
    esac
    rest=${token#*.}
    decode "${token%%.*}" "$work/protected" "$1"
    decode "${rest%%.*}" "$payload" "$1"
    decode "${rest#*.}" "$work/signature" "$1"
    printf '{"alg":"EdDSA","kid":"%s","typ":"%s+json"}' "$thumbprint" "$2" > "$work/wanted"
    cmp -s "$work/protected" "$work/wanted" ||
        bad "$1: not a $2 by this key, but: $(tr -dc ' -~' < "$work/protected" | head -c 200)"
    printf %s "${token%.*}" > "$work/signed"
    openssl pkeyutl -verify -pubin -inkey "$key" -rawin -in "$work/signed" \
        -sigfile "$work/signature" > /dev/null 2>&1 || bad "$1: the signature is wrong"
    # jq escapes U+007F, and nothing else, otherwise than camerad.
    jq -cSj . "$payload" 2> /dev/null | sed 's/\\u007f/\x7f/g' | cmp -s - "$payload" ||
        bad "$1: the payload is not in its one spelling"
    wrong=$(jq -r "$shapes"'if [paths(numbers) as $p | getpath($p) as $n
        | $n <= 9007199254740991 and $n >= if $p[-1] == "clock_step_us"
            then -9007199254740991 else 0 end] | all | not then "has a number that cannot be"
        elif all(.. | strings; length <= 200 and (test("[\\p{C}\\p{Zl}\\p{Zp}]|(?! )\\p{Zs}") | not))
            | not then "has a text that cannot be"
        elif '"$3"' then "" else "has other fields, or others in them, than a '"$2"'" end' \
        "$payload" 2> /dev/null) || wrong="has what no $2 has"
    [ -z "$wrong" ] || bad "$1: $wrong"
}
is() { # MEMBER FILTER WANTED WHAT
    [ "$(jq -r "$shapes$2" "$payload")" = "$3" ] || bad "$1: $4"
}
content() { # MEMBER FIELD OF: the payload's field describes the member OF, or is null if OF is ""
    if [ -z "$3" ]; then
        is "$1" "$2" null "describes a member that should not be there"
    else
        is "$1" "$2.bytes" "$(size "$members/$3")" "$3 has another size than was signed"
        is "$1" "$2.sha256" "$(sha256 "$members/$3")" "$3 has other bytes than were signed"
    fi
}

# -- sections 3.2 to 3.6: what the statements say --------------------------------------------------

remarks=
statement header.jws camerad-header header
sound=$(jq .sound "$payload")
microphone=$(jq -c '.microphone // null' "$payload")
is header.jws '.sound == false or has("microphone")' true "announces sound without a microphone"
is header.jws .format 1 "of another version of the format"
boot=$(jq .boot_id "$payload")
id=$(jq -r .id "$payload")
name=$(basename "$recording" .tar)
named=$(printf %s "$name" | grep -Eo '^[0-9]{8}T[0-9]{6}Z-[0-9]{6,18}-[0-9a-f]{8}' || true)
if [ -n "$named" ]; then
    [ "$named" = "$id" ] || bad "header.jws: the file is named like another recording than $id"
fi
origin=$(jq .origin_us "$payload")
trigger=$(jq .trigger_us "$payload")
rate=$(jq .fps "$payload")
jq -r '"recording \(.id)\ndevice    \(.device)
when      \(.started_wall_us / 1000000 | floor | todate), by a clock that is \(.clock.source)"' \
    "$payload"
if [ "$sound" = false ] && [ "$microphone" != null ]; then
    remarks=", without the sound that was wanted"
fi
previous=$(sha256 "$members/header.jws")

# What a commit says about sound (3.9).
units=0
heard_until=$origin
if [ "$(printf %s "$microphone" | jq '.pre_event? // false')" != true ] &&
    [ "$trigger" -gt "$origin" ]; then heard_until=$trigger; fi
unheard() { # UNTIL: sound begins here, or ends with the recording
    [ $(($1 - heard_until)) -le 1000000 ] ||
        printf '{"from":%s,"to":%s}\n' "$heard_until" "$1" >> "$work/silences"
}
: > "$work/silences"
heard() {
    is "$member" ".facts | .clock.boot_us as \$now | .sound
        | if .units == 0 then .first_us == null and .end_us == null
        else .first_us != null and .end_us != null
            and .first_us >= $origin and .first_us < .end_us and .end_us <= \$now + 60000000
            and .first_us >= $heard_end - 5000
            and (.units * $unit | floor) <= .end_us - .first_us + 5000 end" true \
        "gives times of sound that cannot be"
    jq -c '.facts.sound | {gaps, states}' "$payload" >> "$work/sounds"
    if jq -e '.facts.sound.gaps != []' "$payload" > /dev/null; then
        gaps=yes
        jq -r --argjson o "$origin" '.facts.sound.gaps[] | "no sound  from " +
            "\((.from_us // $o) - $o) us to \((.to_us // $o) - $o) us: \(.reason)"' "$payload"
    fi
    [ "$(jq .facts.sound.units "$payload")" -gt 0 ] || return 0
    unheard "$(jq .facts.sound.first_us "$payload")"
    units=$((units + $(jq .facts.sound.units "$payload")))
    heard_until=$(jq .facts.sound.end_us "$payload")
    heard_end=$heard_until
    [ "$heard_until" -le "$until" ] || until=$heard_until
}
slower() { # FIELD: other pictures per second from here on
    rate=$(jq "$shapes$1 | follows($rate)" "$payload")
    [ "$rate" != null ] || bad "$member: changes a rate that was another"
    jq -r --argjson o "$origin" "$1"'.rates // [] | .[] |
        "rate      at \(.at_us - $o) us: \(.to_fps) pictures per second: \(.reason)"' "$payload"
}
unit=$(printf %s "$microphone" | jq -r 'if . == null then 0 else "\(.samples) * 1000000 / \(.rate)"
    end')
: > "$work/sounds"
heard_end=$origin
: > "$work/holes"
: > "$work/gaps"

n=0
frames=0
end=$origin
until=$origin # where the last picture or sound ends
last=$((origin - 1))
earliest=$((origin < trigger ? origin : trigger))
while [ "$n" -lt "$commits" ]; do
    number=$(printf %06d "$n")
    member=$number.jws
    statement "$member" camerad-commit "commit($sound)"
    is "$member" .previous "$previous" "does not follow the statement before it"
    is "$member" .facts.sequence "$n" "is the commit of another fragment"
    content "$member" .fragment "$number.m4s.age"
    of=
    [ "$n" -gt 0 ] || of=init.mp4.age
    content "$member" .init "$of"
    is "$member" ".facts | (if .frames == 0
        then $n > 0 and .first_us == $end and .last_us == $end and .end_us == $end
            and .sound.units > 0
        else .first_us > $last and .first_us >= $origin
            and .first_us <= .last_us and .last_us < .end_us and .end_us - .last_us <= 2000000 end)
        and .last_us <= .clock.boot_us + 60000000
        and told([.clock.boot_us, .end_us, .sound.end_us // 0] | max; $earliest)" true \
        "gives times that cannot be"
    jq -c ".facts.first_us | select(. - $end > 1000000) | {from: $end, to: .}" "$payload" >> "$work/holes"
    jq -c '.facts.gaps[]' "$payload" >> "$work/gaps"
    if jq -e '.facts.gaps != []' "$payload" > /dev/null; then
        gaps=yes
        jq -r --argjson o "$origin" '.facts.gaps[] | "gap       from " +
            "\((.from_us // $o) - $o) us to \((.to_us // $o) - $o) us: \(.reason)"' "$payload"
    fi
    slower .facts
    if [ "$sound" = true ]; then heard; fi
    frames=$((frames + $(jq .facts.frames "$payload")))
    [ "$(jq .facts.frames "$payload")" -eq 0 ] || last=$(jq .facts.last_us "$payload")
    end=$(jq .facts.end_us "$payload")
    [ "$end" -le "$until" ] || until=$end
    previous=$(sha256 "$members/$member")
    n=$((n + 1))
done

[ "$commits" -eq 0 ] || [ "$trigger" -le $((until + 60000000)) ] ||
    bad "header.jws: gives a trigger that cannot be"

statement end.jws camerad-end "ending($sound)"
is end.jws .previous "$previous" "does not follow the statement before it"
is end.jws ".closing | ([$until, $trigger, if .boot_id == $boot then .clock.boot_us else 0 end]
    | max) as \$known | .at_us <= \$known + 60000000
    and told([\$known, .at_us] | max; $earliest)" true "gives times that cannot be"
member=end.jws
slower .closing
if [ "$sound" = true ]; then
    is end.jws .closing.sound.units "$units" "counts other sound than the commits"
    jq -e '.closing.sound.gaps == []' "$payload" > /dev/null || gaps=yes
    jq -c '.closing.sound | {gaps, states}' "$payload" >> "$work/sounds"
    [ "$commits" -eq 0 ] || unheard "$(jq .closing.at_us "$payload")"
fi
is end.jws .commits "$commits" "counts other commits than there are"
is end.jws .closing.frames "$frames" "counts other pictures than the commits"
torn=
[ ! -f "$members/torn.bin" ] || torn=torn.bin
content end.jws .torn "$torn"
jq -e '.closing.gaps == []' "$payload" > /dev/null || gaps=yes
jq -c '.closing.gaps[]' "$payload" >> "$work/gaps"
[ "$(jq -r .closing.reason "$payload")" != recovered ] || remarks="$remarks, closed by repair"
[ -z "${gaps-}" ] || remarks="$remarks, with gaps"
# What of a time gaps do not cover, and these in their order (4).
# shellcheck disable=SC2016 # the dollars are jq's
covering='
    def bare($from; $to; $gaps): reduce $gaps[] as $gap ({at: $from, left: 0};
            .left += ([([$gap.from, $to] | min) - .at, 0] | max)
            | .at = ([.at, ([$gap.to, $to] | min)] | max))
        | .left + ([$to - .at, 0] | max);
    def inorder: map({from: (.from_us // 0), to: (.to_us // 1e18)}) | sort_by(.from);'
# A silence is explained, but for a second, by gaps, or by these and states other than "on" (4).
# shellcheck disable=SC2016 # the dollars are jq's
silence=$(jq -rs --slurpfile all "$work/sounds" "$covering"'
    ([$all[].gaps[]] | inorder) as $gaps
    | ([$all[].states[]] | sort_by(.at_us)) as $states | [.[] | . as {$from, $to}
    | select(bare($from; $to; $gaps) > 1000000)
    | ([$states[] | .at_us = ([[.at_us, $from] | max, $to] | min)]) as $here
    | [{at_us: $from, state: "on"}] + $here + [{at_us: $to, state: "on"}]
    | [range(length - 1) as $n | select(.[$n].state == "on")
        | bare(.[$n].at_us; .[$n + 1].at_us; $gaps)]
    | add <= 1000000] | if length == 0 then "" elif all then ", with a silence that its states explain"
    else ", with a silence that nothing explains" end' "$work/silences")
remarks=$remarks$silence
# A hole is explained, but for a second, by gaps.
# shellcheck disable=SC2016 # the dollars are jq's
holes=$(jq -rs --slurpfile all "$work/gaps" "$covering"'
    ($all | inorder) as $gaps | map(select(bare(.from; .to; $gaps) > 1000000)) | length' "$work/holes")
[ "$holes" -eq 0 ] || remarks="$remarks, with a hole that nothing explains"
echo "length    $((end - origin)) us: $frames pictures in $commits fragments"
echo "end       $previous -> $(sha256 "$members/end.jws")"

# -- section 4: opening ----------------------------------------------------------------------------

if [ -n "$identity" ]; then
    [ ! -e "$output" ] || unreadable "$output: is there already"
    : > "$work/plain.mp4"
    while read -r member; do
        case $member in
            *.age) age -d -i "$identity" "$members/$member" >> "$work/plain.mp4" 2> "$work/said" ||
                unreadable "$member: $(head -n 1 "$work/said")" ;;
        esac
    done < "$work/expected"
    ffmpeg -nostdin -v error -i "$work/plain.mp4" -c copy -f mp4 "$work/out.mp4"
    pictures=$(ffprobe -v error -select_streams v:0 -count_packets \
        -show_entries stream=nb_read_packets -of csv=p=0 "$work/out.mp4" | tr -dc 0-9)
    [ "$pictures" = "$frames" ] || bad "has $pictures pictures, and $frames were signed"
    if [ "$sound" = true ]; then
        heard=$(ffprobe -v error -select_streams a:0 -count_packets \
            -show_entries stream=nb_read_packets -of csv=p=0 "$work/out.mp4" | tr -dc 0-9)
        [ "${heard:-0}" = "$units" ] || bad "has $heard units of sound, and $units were signed"
    fi
    mv "$work/out.mp4" "$output"
    echo "written   $output"
fi

if [ -n "$remarks" ]; then
    echo "authentic${remarks}"
    exit 1
fi
echo "authentic and complete"
