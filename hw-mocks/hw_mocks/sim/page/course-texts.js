// What the course says.

import { inEachLanguage } from "./words.js";

export const courseWords = inEachLanguage(({ gettext }) => ({
  name: gettext("First minute and exercises"),
  begin: gettext("Begin"),
  end: gettext("Break off"),
  print: gettext("Print the protocol"),
  unknown: (name) => gettext("There is no exercise “{name}”. Choose one of those above.", { name }),
  faultFailed: (what) => gettext("What was to go wrong could not be switched on: {what}", { what }),
  faultLeft: (what) => gettext("What was to go wrong could not be switched off: {what}", { what }),
  progress: (done, all) => gettext("{done} of {all} done.", { done, all }),
  help: gettext("Show how"),
  over: (right, all, seconds) => gettext("Over: {right} of {all} right, in {seconds} s.", { right, all, seconds }),
  overGuided: (done, all, seconds) => gettext("Over: {done} of {all} steps done, in {seconds} s.", { done, all, seconds }),
  results: {
    right: gettext("right"),
    late: gettext("too late"),
    otherwise: gettext("another way"),
    wrong: gettext("wrong"),
    helped: gettext("with help"),
    missed: gettext("left out"),
  },
  rightIs: (way) => gettext("Right: {way}", { way }),
  answered: (answer) => gettext("Answer: {answer}", { answer }),
  notDone: gettext("not done"),
  took: (seconds) => `${seconds} s`,
  protocol: (title) => gettext("Protocol of the exercise “{title}”", { title }),
  columns: [gettext("No."), gettext("Task"), gettext("Result"), gettext("Time")],
  notes: gettext("Remarks (without names):"),
  questions: {
    muting: {
      question: gettext("The sound is off. What does the recording hold now?"),
      answers: [
        gettext("Nothing, until the sound is on again"),
        gettext("Picture and sound as before; only the display shows something else"),
        gettext("The picture and no sound, until it is on again"),
      ],
    },
    full: {
      question: gettext("The amber light is on, and you are called to an incident. What do you do first?"),
      answers: [gettext("Hold the display button for 1 second, and read"), gettext("Press the big button harder"), gettext("Wait until green comes on")],
    },
    silent: {
      question: gettext("What has the camera just told, and what do you do?"),
      answers: [
        gettext("The recording has ended; begin anew"),
        gettext("It records without sound; go on, and report it after the shift"),
        gettext("It cannot record; take another camera"),
      ],
    },
    light: {
      question: gettext("What has the camera just told, and what do you do?"),
      answers: [
        gettext("The recording has ended; begin anew"),
        gettext("It records without sound; go on, and report it after the shift"),
        gettext("A light failed; say aloud that you record"),
      ],
    },
    cut: {
      question: gettext("The camera was gone for a moment, and now the red light is on again. What about the recording?"),
      answers: [
        gettext("All that was recorded is lost"),
        gettext("What was recorded is safe, and a new one goes on with it"),
        gettext("It has to be begun anew by hand"),
      ],
    },
  },
  scenarios: {
    minute: {
      title: gettext("The first minute"),
      about: gettext("Five steps with the big button. They tick themselves off."),
      steps: [
        gettext("Press the big button briefly: self-view comes on."),
        gettext("Once more: the recording begins."),
        gettext("Once more, briefly: a mark."),
        gettext("Hold it for two seconds, until it vibrates, let go, press once: the recording is over."),
        gettext("Open the recording in the list."),
      ],
    },
    sudden: {
      title: gettext("All of a sudden"),
      about: gettext("There is no time for self-view. Begin to record at once."),
      steps: [
        gettext("Record, within {within} seconds."),
        gettext("End the recording within {within} seconds."),
      ],
    },
    marks: {
      title: gettext("Two marks"),
      about: gettext("First self-view, then the recording, in it two marks. It is verified in the end."),
      steps: [
        gettext("Switch self-view on."),
        gettext("Begin the recording from self-view."),
        gettext("Set a mark."),
        gettext("Set another one."),
        gettext("End the recording."),
        gettext("Have it verified."),
      ],
    },
    muting: {
      title: gettext("Sound off and on"),
      about: gettext("A conversation is not to be heard. Switch the sound off, and on again after it."),
      steps: [
        gettext("Begin a recording."),
        gettext("Switch the sound off."),
        gettext("Answer the question within {within} seconds."),
        gettext("Switch the sound on again."),
        gettext("End the recording."),
      ],
    },
    full: {
      title: gettext("Before a call"),
      about: gettext("The camera is ready. Watch its lights; it takes some seconds."),
      steps: [gettext("Wait until the camera tells something."), gettext("Answer the question within {within} seconds.")],
    },
    silent: {
      title: gettext("Something felt"),
      about: gettext("Record, and mind what you feel."),
      steps: [gettext("Begin a recording."), gettext("Wait until the camera tells something."), gettext("Answer the question within {within} seconds."), gettext("End the recording.")],
    },
    light: {
      title: gettext("Feel and look"),
      about: gettext("Record, and mind the lights and what you feel."),
      steps: [gettext("Begin a recording."), gettext("Wait until the camera tells something."), gettext("Answer the question within {within} seconds."), gettext("End the recording.")],
    },
    cut: {
      title: gettext("Gone for a moment"),
      about: gettext("Record. The camera fails for a moment and starts again."),
      steps: [
        gettext("Begin a recording."),
        gettext("Wait until the camera is there again."),
        gettext("Answer the question within {within} seconds."),
        gettext("End the recording."),
        gettext("Have it verified."),
      ],
    },
  },
  change: gettext("Change one byte"),
  changing: gettext("Changing a copy …"),
  changeOf: (when) => gettext("Change one byte in a copy of the recording of {when}", { when }),
  changed: gettext("A copy with one byte changed; the recording itself is as it was."),
}));
