// What is said of the visitor's own camera.

import { inEachLanguage } from "./words.js";

export const webcamWords = inEachLanguage(({ gettext }) => ({
  name: gettext("Your own camera"),
  consent: [
    gettext("The body camera then films what this device's camera sees: in self-view, in the recording, and when you play it. Without your microphone the film's sound is heard."),
    gettext("Picture and sound go to bodycam-sim on the computer that this page comes from, and nowhere else. Only what you record with the big button is kept."),
    gettext("Whoever has this page open sees the picture too. Ask everybody who is in it."),
    gettext("Delete everything removes each recording of this demonstration camera, the films that were opened, and all that it handed over to its office."),
  ],
  start: gettext("I agree, use my camera"),
  stop: gettext("Switch my camera off"),
  erase: gettext("Delete everything …"),
  sure: gettext("Really delete everything? No recording of this demonstration camera comes back."),
  yes: gettext("Yes, delete everything"),
  no: gettext("No, keep it"),
  sound: gettext("My microphone too"),
  on: gettext("The body camera now films the picture of your camera."),
  onWithSound: gettext("The body camera now films the picture of your camera and hears your microphone."),
  noMicrophone: gettext("There was no microphone to be had; the film is heard."),
  why: {
    asking: gettext("The browser asks whether this page may use your camera."),
    off: gettext("Your camera is off. The body camera films the film again."),
    refused: gettext("The browser did not let this page have the camera. The body camera goes on with the film. You can allow it beside the address."),
    none: gettext("This device has no camera that the browser can give to this page. The body camera goes on with the film."),
    busy: gettext("The camera does not answer; another program may be using it. The body camera goes on with the film."),
    unplugged: gettext("Your camera is no longer there. The body camera films the film again."),
    lost: gettext("The connection to bodycam-sim broke. The body camera films the film again."),
    ended: gettext("bodycam-sim has ended or begins anew. Your camera is off."),
    taken: gettext("Another page already shows its camera. End it there first."),
    takenOver: gettext("Another page shows its camera now. Yours is off."),
    noPicture: gettext("The pictures of your camera cannot be read. The body camera films the film again."),
    noDecoder: gettext("Pictures cannot be decoded just now. The body camera films the film again."),
    tooMuch: gettext("Too many pictures came, or too large ones. The body camera films the film again."),
    erasing: gettext("Deleting …"),
    erased: gettext("Everything is deleted. The camera starts anew."),
    empty: gettext("Everything is deleted. The camera is ready again, with an empty card."),
    notOwn: gettext("Nothing is deleted here: there was something in this folder before bodycam-sim used it. End bodycam-sim, and delete by hand what is its."),
    notErased: gettext("Deleting did not work. The terminal says why."),
    unreachable: gettext("bodycam-sim does not answer just now. Try again in a moment."),
  },
}));
