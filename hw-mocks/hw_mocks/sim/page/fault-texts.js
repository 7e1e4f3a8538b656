// What to expect of each fault, and what the wearer does about it. Where the camera does not tell at
// once, bodycam-sim says the seconds within which it does.

/** @param {Pick<import("./gettext.js").Words, "gettext">} words of a language */
export const faultTexts = ({ gettext }) => {
  const ANOTHER = gettext("Take another camera, and hand this one in.");
  const NOTHING = gettext("There is nothing to do.");
  const LATER = gettext("Go on, and report it afterwards.");
  const WAIT = gettext("Wait a minute: it mends itself. Otherwise take another camera.");

  return {
    camera_stall: [(s) => gettext("Amber within {s} s. A recording goes on, with a gap.", { s }), WAIT],
    camera_cancel: [gettext("A few pictures may be missing from a recording."), NOTHING],
    camera_gone: [(s) => gettext("Amber within {s} s: no picture, a press is refused. A recording ends soon, and the camera starts anew.", { s }), WAIT],
    camera_start_error: [gettext("Seen the next time that the camera module starts; it is tried again."), NOTHING],
    camera_stop_hang: [gettext("Seen when the camera module is stopped next; it is started anew."), WAIT],
    camera_dark: [gettext("The picture is black, and is recorded as it is. If that begins in a recording, you feel • ▬ •."), gettext("Look at the display: uncover the lens.")],
    encoder_error: [gettext("A short gap; the encoder is started anew."), NOTHING],
    encoder_empty: [gettext("One picture may be missing from a recording."), NOTHING],
    encoder_hang: [(s) => gettext("Amber within {s} s. A recording goes on, with a gap.", { s }), WAIT],
    microphone_gone: [(s) => gettext("Felt within {s} s in a recording; it goes on without sound. After it green blinks.", { s }), gettext("Call a witness, and report it afterwards.")],
    microphone_hangs: [(s) => gettext("Felt within {s} s in a recording; it goes on without sound. After it green blinks.", { s }), gettext("Call a witness, and report it afterwards.")],
    microphone_silent: [gettext("The recording holds silence; the page may not show that."), gettext("Report it when you notice it.")],
    capture_kill: [gettext("The picture fails for a moment; a recording goes on, with a gap."), NOTHING],
    daemon_killed: [gettext("All lights go out, and it starts anew. A recording goes on by itself, with a gap."), gettext("Wait for red, or for green; still dark after a minute: take another camera.")],
    disk_full: [(s) => gettext("Amber within {s} s, in a recording at once: a press is refused. A recording ends, and what it holds is kept.", { s }), gettext("Offload it at the office, and take another camera.")],
    disk_readonly: [(s) => gettext("Amber within {s} s, in a recording at once: a press is refused. A recording ends, and what it holds is kept.", { s }), ANOTHER],
    disk_error: [(s) => gettext("A recording waits in memory for {s} s and goes on; if it lasts longer, it ends, and amber comes on.", { s }), ANOTHER],
    disk_slow: [gettext("Red stays on; what is recorded waits in memory."), LATER],
    disk_lies: [gettext("Nothing is seen. After a loss of power more than the last second may be missing."), NOTHING],
    display_gone: [(s) => gettext("The display stays dark, green blinks within {s} s. All else works.", { s }), LATER],
    display_error: [(s) => gettext("The display stays dark, green blinks within {s} s. All else works.", { s }), LATER],
    display_slow: [gettext("The display shows two pictures a second. All else works."), LATER],
    display_hang: [(s) => gettext("The display stands still, green blinks within {s} s. All else works.", { s }), LATER],
    display_crash: [gettext("The display is dark for a moment, and comes back."), NOTHING],
    display_kill: [gettext("The display is dark for a moment, and comes back."), NOTHING],
    battery_low: [(s) => gettext("Green blinks, but only after {s} s: a short dip does not count.", { s }), gettext("Charge it soon.")],
    battery_critical: [(low, critical, off) => gettext("Green blinks after {low} s. After {critical} s the battery counts as empty, and after {off} s a recording ends, and the camera switches off.", { low, critical, off }), gettext("Put it into its dock, or take another camera.")],
    battery_unknown: [(s) => gettext("Green blinks after {s} s: it may end without a warning.", { s }), gettext("Charge it soon, and report it.")],
    docked: [(s) => gettext("After {s} s amber blinks while handing over. When all is handed over, green flashes every 3 s.", { s }), gettext("Leave it there until all is handed over.")],
    network_gone: [gettext("Handing over waits, and goes on by itself; nothing is lost."), gettext("Leave it in its dock.")],
    hot: [(s) => gettext("Green blinks within {s} s.", { s }), gettext("Out of the sun, away from the body.")],
    throttled: [(s) => gettext("Within {s} s it saves work: the display shows fewer pictures. A recording goes on.", { s }), gettext("Out of the sun, away from the body.")],
    button_stuck: [gettext("It is felt as held: with the big button a recording may begin, or end."), ANOTHER],
    button_bounce: [gettext("Nothing: a press stays one press."), NOTHING],
    light_dead: [(s) => gettext("Green stays dark, and within {s} s the camera knows it. It records all the same.", { s }), gettext("Say aloud that you record, and report it.")],
    clock_unset: [(s) => gettext("Green blinks within {s} s: the time of day is uncertain, and recordings say so.", { s }), LATER],
    clock_step: [(s) => gettext("The time of day jumps, and within {s} s the camera notices; a recording's length stays right.", { s }), LATER],
    rtc_ahead: [(s) => gettext("Green blinks within {s} s: the time of day is uncertain, and recordings say so.", { s }), LATER],
  };
};
