// The words of the course, in both languages.

export const COURSE_WORDS = {
  de: {
    name: "Erste Minute und Übungen",
    begin: "Beginnen",
    end: "Abbrechen",
    print: "Protokoll drucken",
    unknown: (name) => `Eine Übung „${name}“ gibt es nicht. Wählen Sie eine von oben.`,
    faultFailed: (what) => `Die Störung der Übung ließ sich nicht einschalten: ${what}`,
    faultLeft: (what) => `Die Störung der Übung ließ sich nicht ausschalten: ${what}`,
    progress: (done, all) => `${done} von ${all} erledigt.`,
    help: "Zeigen, wie",
    over: (right, all, seconds) => `Zu Ende: ${right} von ${all} richtig, in ${seconds} s.`,
    overGuided: (done, all, seconds) => `Zu Ende: ${done} von ${all} Schritten getan, in ${seconds} s.`,
    results: {
      right: "richtig",
      late: "zu spät",
      otherwise: "auf anderem Weg",
      wrong: "falsch",
      helped: "mit Hilfe",
      missed: "ausgelassen",
    },
    rightIs: (way) => `Richtig: ${way}`,
    answered: (answer) => `Antwort: ${answer}`,
    notDone: "nicht getan",
    took: (seconds) => `${seconds} s`,
    protocol: (title) => `Protokoll der Übung „${title}“`,
    columns: ["Nr.", "Aufgabe", "Ergebnis", "Zeit"],
    notes: "Bemerkungen (ohne Namen):",
    questions: {
      muting: {
        question: "Der Ton ist aus. Was enthält die Aufzeichnung jetzt?",
        answers: [
          "Nichts, bis der Ton wieder an ist",
          "Bild und Ton wie vorher; nur das Display zeigt etwas anderes",
          "Das Bild und keinen Ton, bis er wieder an ist",
        ],
      },
      full: {
        question: "Das gelbe Licht ist an, und Sie werden zu einem Einsatz gerufen. Was tun Sie zuerst?",
        answers: ["Die Displaytaste 1 Sekunde halten und lesen", "Die große Taste fester drücken", "Warten, bis Grün angeht"],
      },
      silent: {
        question: "Was hat die Kamera eben gemeldet, und was tun Sie?",
        answers: [
          "Die Aufzeichnung ist zu Ende; neu beginnen",
          "Es zeichnet ohne Ton auf; weitermachen und nach dem Dienst melden",
          "Es kann nicht aufzeichnen; andere Kamera nehmen",
        ],
      },
      light: {
        question: "Was hat die Kamera eben gemeldet, und was tun Sie?",
        answers: [
          "Die Aufzeichnung ist zu Ende; neu beginnen",
          "Es zeichnet ohne Ton auf; weitermachen und nach dem Dienst melden",
          "Ein Licht ist gestört; die Aufzeichnung selbst ansagen",
        ],
      },
      cut: {
        question: "Die Kamera war kurz weg, und nun leuchtet wieder rot. Was ist mit der Aufzeichnung?",
        answers: [
          "Alles Frühere ist verloren",
          "Das Frühere ist gesichert, und eine neue setzt sie fort",
          "Sie muss von Hand neu begonnen werden",
        ],
      },
    },
    scenarios: {
      minute: {
        title: "Die erste Minute",
        about: "Fünf Schritte mit der großen Taste. Sie haken sich selbst ab.",
        steps: [
          "Drücken Sie kurz die große Taste: die Selbstansicht geht an.",
          "Noch einmal: die Aufzeichnung beginnt.",
          "Noch einmal kurz: eine Marke.",
          "Zwei Sekunden halten, bis sie vibriert, loslassen, einmal drücken: die Aufzeichnung ist zu Ende.",
          "Öffnen Sie die Aufzeichnung in der Liste.",
        ],
      },
      sudden: {
        title: "Plötzlich",
        about: "Es bleibt keine Zeit für die Selbstansicht. Beginnen Sie sofort aufzuzeichnen.",
        steps: [
          "Zeichnen Sie auf, binnen {within} Sekunden.",
          "Beenden Sie die Aufzeichnung binnen {within} Sekunden.",
        ],
      },
      marks: {
        title: "Zwei Marken",
        about: "Erst die Selbstansicht, dann die Aufzeichnung, darin zwei Marken. Am Ende wird geprüft.",
        steps: [
          "Schalten Sie die Selbstansicht ein.",
          "Beginnen Sie die Aufzeichnung aus der Selbstansicht.",
          "Setzen Sie eine Marke.",
          "Setzen Sie eine zweite.",
          "Beenden Sie die Aufzeichnung.",
          "Lassen Sie sie prüfen.",
        ],
      },
      muting: {
        title: "Ton aus und an",
        about: "Ein Gespräch soll nicht zu hören sein. Schalten Sie den Ton aus und danach wieder an.",
        steps: [
          "Beginnen Sie eine Aufzeichnung.",
          "Schalten Sie den Ton aus.",
          "Beantworten Sie die Frage binnen {within} Sekunden.",
          "Schalten Sie den Ton wieder an.",
          "Beenden Sie die Aufzeichnung.",
        ],
      },
      full: {
        title: "Vor dem Einsatz",
        about: "Die Kamera ist bereit. Achten Sie auf ihre Lichter; es dauert ein paar Sekunden.",
        steps: ["Warten Sie, bis sich die Kamera meldet.", "Beantworten Sie die Frage binnen {within} Sekunden."],
      },
      silent: {
        title: "Etwas zu spüren",
        about: "Zeichnen Sie auf, und achten Sie auf das, was Sie spüren.",
        steps: ["Beginnen Sie eine Aufzeichnung.", "Warten Sie, bis sich die Kamera meldet.", "Beantworten Sie die Frage binnen {within} Sekunden.", "Beenden Sie die Aufzeichnung."],
      },
      light: {
        title: "Spüren und hinsehen",
        about: "Zeichnen Sie auf, und achten Sie auf die Lichter und auf das, was Sie spüren.",
        steps: ["Beginnen Sie eine Aufzeichnung.", "Warten Sie, bis sich die Kamera meldet.", "Beantworten Sie die Frage binnen {within} Sekunden.", "Beenden Sie die Aufzeichnung."],
      },
      cut: {
        title: "Kurz weg",
        about: "Zeichnen Sie auf. Die Kamera fällt kurz aus und startet neu.",
        steps: [
          "Beginnen Sie eine Aufzeichnung.",
          "Warten Sie, bis die Kamera wieder da ist.",
          "Beantworten Sie die Frage binnen {within} Sekunden.",
          "Beenden Sie die Aufzeichnung.",
          "Lassen Sie sie prüfen.",
        ],
      },
    },
    change: "Ein Byte ändern",
    changing: "Ändert eine Kopie …",
    changeOf: (when) => `In einer Kopie der Aufzeichnung vom ${when} ein Byte ändern`,
    changed: "Kopie mit einem geänderten Byte; die Aufzeichnung selbst ist, wie sie war.",
  },
  en: {
    name: "First minute and exercises",
    begin: "Begin",
    end: "Break off",
    print: "Print the protocol",
    unknown: (name) => `There is no exercise “${name}”. Choose one of those above.`,
    faultFailed: (what) => `What was to go wrong could not be switched on: ${what}`,
    faultLeft: (what) => `What was to go wrong could not be switched off: ${what}`,
    progress: (done, all) => `${done} of ${all} done.`,
    help: "Show how",
    over: (right, all, seconds) => `Over: ${right} of ${all} right, in ${seconds} s.`,
    overGuided: (done, all, seconds) => `Over: ${done} of ${all} steps done, in ${seconds} s.`,
    results: {
      right: "right",
      late: "too late",
      otherwise: "another way",
      wrong: "wrong",
      helped: "with help",
      missed: "left out",
    },
    rightIs: (way) => `Right: ${way}`,
    answered: (answer) => `Answer: ${answer}`,
    notDone: "not done",
    took: (seconds) => `${seconds} s`,
    protocol: (title) => `Protocol of the exercise “${title}”`,
    columns: ["No.", "Task", "Result", "Time"],
    notes: "Remarks (without names):",
    questions: {
      muting: {
        question: "The sound is off. What does the recording hold now?",
        answers: [
          "Nothing, until the sound is on again",
          "Picture and sound as before; only the display shows something else",
          "The picture and no sound, until it is on again",
        ],
      },
      full: {
        question: "The amber light is on, and you are called to an incident. What do you do first?",
        answers: ["Hold the display button for 1 second, and read", "Press the big button harder", "Wait until green comes on"],
      },
      silent: {
        question: "What has the camera just told, and what do you do?",
        answers: [
          "The recording has ended; begin anew",
          "It records without sound; go on, and report it after the shift",
          "It cannot record; take another camera",
        ],
      },
      light: {
        question: "What has the camera just told, and what do you do?",
        answers: [
          "The recording has ended; begin anew",
          "It records without sound; go on, and report it after the shift",
          "A light failed; say aloud that you record",
        ],
      },
      cut: {
        question: "The camera was gone for a moment, and now the red light is on again. What about the recording?",
        answers: [
          "All that was recorded is lost",
          "What was recorded is safe, and a new one goes on with it",
          "It has to be begun anew by hand",
        ],
      },
    },
    scenarios: {
      minute: {
        title: "The first minute",
        about: "Five steps with the big button. They tick themselves off.",
        steps: [
          "Press the big button briefly: self-view comes on.",
          "Once more: the recording begins.",
          "Once more, briefly: a mark.",
          "Hold it for two seconds, until it vibrates, let go, press once: the recording is over.",
          "Open the recording in the list.",
        ],
      },
      sudden: {
        title: "All of a sudden",
        about: "There is no time for self-view. Begin to record at once.",
        steps: [
          "Record, within {within} seconds.",
          "End the recording within {within} seconds.",
        ],
      },
      marks: {
        title: "Two marks",
        about: "First self-view, then the recording, in it two marks. It is verified in the end.",
        steps: [
          "Switch self-view on.",
          "Begin the recording from self-view.",
          "Set a mark.",
          "Set another one.",
          "End the recording.",
          "Have it verified.",
        ],
      },
      muting: {
        title: "Sound off and on",
        about: "A conversation is not to be heard. Switch the sound off, and on again after it.",
        steps: [
          "Begin a recording.",
          "Switch the sound off.",
          "Answer the question within {within} seconds.",
          "Switch the sound on again.",
          "End the recording.",
        ],
      },
      full: {
        title: "Before a call",
        about: "The camera is ready. Watch its lights; it takes some seconds.",
        steps: ["Wait until the camera tells something.", "Answer the question within {within} seconds."],
      },
      silent: {
        title: "Something felt",
        about: "Record, and mind what you feel.",
        steps: ["Begin a recording.", "Wait until the camera tells something.", "Answer the question within {within} seconds.", "End the recording."],
      },
      light: {
        title: "Feel and look",
        about: "Record, and mind the lights and what you feel.",
        steps: ["Begin a recording.", "Wait until the camera tells something.", "Answer the question within {within} seconds.", "End the recording."],
      },
      cut: {
        title: "Gone for a moment",
        about: "Record. The camera fails for a moment and starts again.",
        steps: [
          "Begin a recording.",
          "Wait until the camera is there again.",
          "Answer the question within {within} seconds.",
          "End the recording.",
          "Have it verified.",
        ],
      },
    },
    change: "Change one byte",
    changing: "Changing a copy …",
    changeOf: (when) => `Change one byte in a copy of the recording of ${when}`,
    changed: "A copy with one byte changed; the recording itself is as it was.",
  },
};
