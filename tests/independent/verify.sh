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
# The digest of a file, and its size, are then in $digest and $bytes.
sha256() { digest=$(sha256sum < "$1"); digest=${digest%% *}; }
size() { bytes=$(($(wc -c < "$1"))); }
newline='
'

# base64url without padding, of standard input (1).
encode() { base64 -w 0 | tr '+/' '-_' | tr -d '='; }
# Of what has only its characters, one spelling passes: no bit is set behind the last byte (1).
canonical() { # PART WHAT
    case $((${#1} % 4)) in
        0) return ;;
        2) case $1 in *[AQgw]) return ;; esac ;;
        3) case $1 in *[AEIMQUYcgkosw048]) return ;; esac ;;
    esac
    bad "$2: not in the one spelling of base64url"
}
# A canonical part, with the characters of base64, into a file.
decode() { # PART FILE
    padded=$1
    while [ $((${#padded} % 4)) -ne 0 ]; do padded=$padded=; done
    base64 -d > "$2" <<END
$padded
END
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
# Made anew from names and contents, it is the same file, or some byte around them was changed. Of
# each member: its name, what stands before it, and what behind it, as printf(1) takes it.
(cd "$members" && xargs wc -c < "$work/expected") | awk '
    function nul(count, text) { while (count-- > 0) text = text "\\000"; return text }
    BEGIN { for (n = 32; n < 127; n++) code[sprintf("%c", n)] = n }
    $2 != "total" {
        size = sprintf("%011o", $1)
        counted = $2 "000044400000000000000" size "00000000000" "        " "0ustar0000000000000000"
        sum = 0
        for (n = 1; n <= length(counted); n++) sum += code[substr(counted, n, 1)]
        print $2, $2 nul(100 - length($2)) "0000444" nul(1) "0000000" nul(1) "0000000" nul(1) size \
            nul(1) "00000000000" nul(1) sprintf("%06o", sum) nul(1) "\\0400" nul(100) "ustar" nul(1) \
            "00" nul(64) "0000000" nul(1) "0000000" nul(168), nul((512 - $1 % 512) % 512)
    }' > "$work/around"
while read -r member before behind; do
    # shellcheck disable=SC2059 # made above, of digits and names that were compared
    printf "$before"
    cat "$members/$member"
    # shellcheck disable=SC2059
    printf "$behind"
done < "$work/around" > "$work/again"
head -c 1024 /dev/zero >> "$work/again"
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
# Of what is wrong, what comes first; nothing if all is right.
def first_of(complaints): first(complaints | select(. != "")) // "";
def unless($right; $complaint): if $right then "" else $complaint end;
# A description of a member, which is as $there says, or of none: then both are null.
def describes($there; $member): if $there == null
    then unless(. == null; "describes a member that should not be there")
    elif .bytes != $there.bytes then "\($member) has another size than was signed"
    else unless(.sha256 == $there.sha256; "\($member) has other bytes than were signed") end;
'

# Checks everything about a statement but what its fields mean; its payload is then in $payload.
payload=$work/payload
kind=
statement() { # MEMBER KIND SHAPE
    token=$(cat "$members/$1"; echo .)
    token=${token%.}
    size "$members/$1"
    [ "${#token}" -eq "$bytes" ] || bad "$1: has bytes that no statement has"
    [ "${#token}" -le 1048576 ] || bad "$1: too long for a statement"
    case $token in
        *.*.*.*) bad "$1: more than three parts" ;;
        *[!A-Za-z0-9_.-]*) bad "$1: not base64url" ;;
        *.*.*) ;;
        *) bad "$1: fewer than three parts" ;;
    esac
    rest=${token#*.}
    for part in "${token%%.*}" "${rest%%.*}" "${rest#*.}"; do canonical "$part" "$1"; done
    [ "$kind" = "$2" ] ||
        protected=$(printf '{"alg":"EdDSA","kid":"%s","typ":"%s+json"}' "$thumbprint" "$2" | encode)
    kind=$2
    standard=$(printf %s "$token" | tr -- '-_' '+/')
    if [ "${token%%.*}" != "$protected" ]; then
        decode "${standard%%.*}" "$work/protected"
        bad "$1: not a $2 by this key, but: $(tr -dc ' -~' < "$work/protected" | head -c 200)"
    fi
    rest=${standard#*.}
    decode "${rest%%.*}" "$payload"
    decode "${rest#*.}" "$work/signature"
    printf %s "${token%.*}" > "$work/signed"
    openssl pkeyutl -verify -pubin -inkey "$key" -rawin -in "$work/signed" \
        -sigfile "$work/signature" > /dev/null 2>&1 || bad "$1: the signature is wrong"
    # Two lines: its one spelling, and what is wrong with it.
    wrong=
    said=$(jq -cSr "$shapes"'., if [paths(numbers) as $p | getpath($p) as $n
        | $n <= 9007199254740991 and $n >= if $p[-1] == "clock_step_us"
            then -9007199254740991 else 0 end] | all | not then "has a number that cannot be"
        elif all(.. | strings; length <= 200 and (test("[\\p{C}\\p{Zl}\\p{Zp}]|(?! )\\p{Zs}") | not))
            | not then "has a text that cannot be"
        elif '"$3"' then "" else "has other fields, or others in them, than a '"$2"'" end' \
        "$payload" 2> /dev/null) || wrong="has what no $2 has"
    spelt=${said%%"$newline"*}
    wrong=${wrong:-${said#"$spelt"}}
    # jq escapes U+007F, and nothing else, otherwise than camerad.
    case $spelt in *'\u007f'*) spelt=$(printf %s "$spelt" | sed 's/\\u007f/\x7f/g') ;; esac
    printf %s "$spelt" | cmp -s - "$payload" || bad "$1: the payload is not in its one spelling"
    [ -z "$wrong" ] || bad "$1: ${wrong#"$newline"}"
}
# What a member is, as a statement describes it (1); null if there is none.
described() { # MEMBER
    there=null
    if [ -n "$1" ]; then
        size "$members/$1"
        sha256 "$members/$1"
        there="{\"bytes\":$bytes,\"sha256\":\"$digest\"}"
    fi
}

# -- sections 3.2 to 3.6: what the statements say --------------------------------------------------

remarks=
statement header.jws camerad-header header
said=$(jq -r "$shapes"'first_of(
        unless(.sound == false or has("microphone"); "announces sound without a microphone"),
        unless(.format == 1; "of another version of the format")),
    .sound, (.microphone | tojson), (.microphone.pre_event // false), (.boot_id | tojson), .id,
    .origin_us, .trigger_us, .fps' "$payload") || bad "header.jws: cannot be checked"
{
    read -r wrong
    read -r sound
    read -r microphone
    read -r hears_before
    read -r boot
    read -r id
    read -r origin
    read -r trigger
    read -r rate
} <<END
$said
END
[ -z "$wrong" ] || bad "header.jws: $wrong"
name=$(basename "$recording" .tar)
named=$(printf %s "$name" | grep -Eo '^[0-9]{8}T[0-9]{6}Z-[0-9]{6,18}-[0-9a-f]{8}' || true)
if [ -n "$named" ]; then
    [ "$named" = "$id" ] || bad "header.jws: the file is named like another recording than $id"
fi
jq -r '"recording \(.id)\ndevice    \(.device)
when      \(.started_wall_us / 1000000 | floor | todate), by a clock that is \(.clock.source)"' \
    "$payload"
if [ "$sound" = false ] && [ "$microphone" != null ]; then
    remarks=", without the sound that was wanted"
fi
sha256 "$members/header.jws"
previous=$digest

# Sound ends here, or has not begun yet; and up to where there is none (3.9).
units=0
heard_end=$origin
heard_until=$origin
if [ "$hears_before" != true ] && [ "$trigger" -gt "$origin" ]; then heard_until=$trigger; fi
unheard() { # UNTIL: sound begins here, or ends with the recording
    [ $(($1 - heard_until)) -le 1000000 ] ||
        printf '{"from":%s,"to":%s}\n' "$heard_until" "$1" >> "$work/silences"
}
for list in silences sounds holes gaps; do : > "$work/$list"; done
tell_gaps() { # FIELD KIND: tells the gaps that it states
    gaps=yes
    jq -r --argjson o "$origin" "$1"'.gaps[] | "'"$2"' from " +
        "\((.from_us // $o) - $o) us to \((.to_us // $o) - $o) us: \(.reason)"' "$payload"
}
tell_rates() { # FIELD: tells how many pictures per second there are from here on
    jq -r --argjson o "$origin" "$1"'.rates[] |
        "rate      at \(.at_us - $o) us: \(.to_fps) pictures per second: \(.reason)"' "$payload"
}

n=0
frames=0
end=$origin
until=$origin # where the last picture or sound ends
last=$((origin - 1))
earliest=$((origin < trigger ? origin : trigger))
of=init.mp4.age
while [ "$n" -lt "$commits" ]; do
    number=$(printf %06d "$n")
    member=$number.jws
    statement "$member" camerad-commit "commit($sound)"
    described "$number.m4s.age"
    fragment=$there
    described "$of"
    # Two lines: what is wrong with it, and what is in it.
    said=$(jq -r --arg previous "$previous" --argjson n "$n" --argjson fragment "$fragment" \
        --argjson init "$there" --argjson origin "$origin" --argjson end "$end" \
        --argjson last "$last" --argjson earliest "$earliest" --argjson rate "$rate" \
        --argjson microphone "$microphone" --argjson heard_end "$heard_end" "$shapes"'
        (.facts | follows($rate)) as $follows | first_of(
            unless(.previous == $previous; "does not follow the statement before it"),
            unless(.facts.sequence == $n; "is the commit of another fragment"),
            (.fragment | describes($fragment; "'"$number.m4s.age"'")),
            (.init | describes($init; "init.mp4.age")),
            unless(.facts | (if .frames == 0
                then $n > 0 and .first_us == $end and .last_us == $end and .end_us == $end
                    and .sound.units > 0
                else .first_us > $last and .first_us >= $origin and .first_us <= .last_us
                    and .last_us < .end_us and .end_us - .last_us <= 2000000 end)
                and .last_us <= .clock.boot_us + 60000000
                and told([.clock.boot_us, .end_us, .sound.end_us // 0] | max; $earliest);
                "gives times that cannot be"),
            unless($follows != null; "changes a rate that was another"),
            unless(.facts | .clock.boot_us as $now | .sound | . == null or if .units == 0
                then .first_us == null and .end_us == null
                else .first_us != null and .end_us != null
                    and .first_us >= $origin and .first_us < .end_us
                    and .end_us <= $now + 60000000 and .first_us >= $heard_end - 5000
                    and (.units * $microphone.samples * 1000000 / $microphone.rate | floor)
                        <= .end_us - .first_us + 5000 end;
                "gives times of sound that cannot be")),
        (.facts | "\(.frames) \(.first_us) \(.last_us) \(.end_us) \(.gaps | length)"
            + " \(.rates // [] | length) \($follows) \(.sound // {gaps: [], states: []}
            | "\(.gaps | length) \(.states | length) \(.units) \(.first_us) \(.end_us)")")' \
        "$payload") || bad "$member: cannot be checked"
    wrong=${said%%"$newline"*}
    [ -z "$wrong" ] || bad "$member: $wrong"
    # shellcheck disable=SC2086 # whole numbers, but for sound that is not there
    set -- ${said#*"$newline"}
    [ $(($2 - end)) -le 1000000 ] || printf '{"from":%s,"to":%s}\n' "$end" "$2" >> "$work/holes"
    if [ "$5" -gt 0 ]; then
        jq -c '.facts.gaps[]' "$payload" >> "$work/gaps"
        tell_gaps .facts "gap      "
    fi
    [ "$6" -eq 0 ] || tell_rates .facts
    rate=$7
    frames=$((frames + $1))
    [ "$1" -eq 0 ] || last=$3
    end=$4
    [ $(($8 + $9)) -eq 0 ] || jq -c '.facts.sound | {gaps, states}' "$payload" >> "$work/sounds"
    [ "$8" -eq 0 ] || tell_gaps .facts.sound "no sound "
    shift 9
    if [ "$sound" = true ] && [ "$1" -gt 0 ]; then
        unheard "$2"
        units=$((units + $1))
        heard_until=$3
        heard_end=$3
        [ "$heard_until" -le "$until" ] || until=$heard_until
    fi
    [ "$end" -le "$until" ] || until=$end
    sha256 "$members/$member"
    previous=$digest
    of=
    n=$((n + 1))
done

[ "$commits" -eq 0 ] || [ "$trigger" -le $((until + 60000000)) ] ||
    bad "header.jws: gives a trigger that cannot be"

statement end.jws camerad-end "ending($sound)"
torn=
[ ! -f "$members/torn.bin" ] || torn=torn.bin
described "$torn"
said=$(jq -r --arg previous "$previous" --argjson until "$until" --argjson trigger "$trigger" \
    --argjson boot "$boot" --argjson earliest "$earliest" --argjson rate "$rate" \
    --argjson units "$units" --argjson commits "$commits" --argjson frames "$frames" \
    --argjson torn "$there" "$shapes"'first_of(
        unless(.previous == $previous; "does not follow the statement before it"),
        unless(.closing
            | ([$until, $trigger, if .boot_id == $boot then .clock.boot_us else 0 end] | max)
            as $known | .at_us <= $known + 60000000 and told([$known, .at_us] | max; $earliest);
            "gives times that cannot be"),
        unless(.closing | follows($rate) != null; "changes a rate that was another"),
        unless(.closing.sound | . == null or .units == $units;
            "counts other sound than the commits"),
        unless(.commits == $commits; "counts other commits than there are"),
        unless(.closing.frames == $frames; "counts other pictures than the commits"),
        (.torn | describes($torn; "torn.bin"))),
    (.closing | .at_us, (.gaps | length), (.sound.gaps // [] | length), (.rates // [] | length),
        .reason)' "$payload") || bad "end.jws: cannot be checked"
{
    read -r wrong
    read -r at
    read -r stated
    read -r heard
    read -r changed
    IFS= read -r reason
} <<END
$said
END
[ -z "$wrong" ] || bad "end.jws: $wrong"
[ "$changed" -eq 0 ] || tell_rates .closing
if [ "$sound" = true ]; then
    jq -c '.closing.sound | {gaps, states}' "$payload" >> "$work/sounds"
    [ "$commits" -eq 0 ] || unheard "$at"
fi
jq -c '.closing.gaps[]' "$payload" >> "$work/gaps"
[ $((stated + heard)) -eq 0 ] || gaps=yes
[ "$reason" != recovered ] || remarks="$remarks, closed by repair"
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
sha256 "$members/end.jws"
echo "end       $previous -> $digest"

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
