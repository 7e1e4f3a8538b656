// Was bei jeder Störung zu erwarten ist, und was die tragende Person tut. Wo die Kamera nicht sofort
// etwas sagt, nennt bodycam-sim die Sekunden, nach denen sie es tut. Deutsch.

const ANOTHER = "Andere Kamera nehmen, diese abgeben.";
const NOTHING = "Es ist nichts zu tun.";
const LATER = "Weitermachen, nachher melden.";
const WAIT = "Eine Minute warten: sie hilft sich selbst. Sonst andere Kamera nehmen.";

export const FAULTS_DE = {
  camera_stall: [(s) => `Gelb binnen ${s} s. Eine Aufzeichnung läuft weiter, mit einer Lücke.`, WAIT],
  camera_cancel: ["In einer Aufzeichnung können einige Bilder fehlen.", NOTHING],
  camera_gone: [(s) => `Gelb binnen ${s} s: kein Bild, ein Druck wird abgelehnt. Eine Aufzeichnung endet bald, und die Kamera startet neu.`, WAIT],
  camera_start_error: ["Zu sehen, wenn das Kameramodul das nächste Mal startet; es wird noch einmal versucht.", NOTHING],
  camera_stop_hang: ["Zu sehen, wenn das Kameramodul das nächste Mal anhält; es wird neu gestartet.", WAIT],
  camera_dark: ["Das Bild ist schwarz und wird so aufgezeichnet. Beginnt das in einer Aufzeichnung, fühlen Sie • ▬ •.", "Auf das Display sehen: Objektiv frei machen."],
  encoder_error: ["Eine kurze Lücke; der Encoder wird neu gestartet.", NOTHING],
  encoder_empty: ["In einer Aufzeichnung kann ein Bild fehlen.", NOTHING],
  encoder_hang: [(s) => `Gelb binnen ${s} s. Eine Aufzeichnung läuft weiter, mit einer Lücke.`, WAIT],
  microphone_gone: [(s) => `In einer Aufzeichnung binnen ${s} s zu spüren; sie läuft ohne Ton weiter. Danach blinkt Grün.`, "Zeugen dazuholen, nachher melden."],
  microphone_hangs: [(s) => `In einer Aufzeichnung binnen ${s} s zu spüren; sie läuft ohne Ton weiter. Danach blinkt Grün.`, "Zeugen dazuholen, nachher melden."],
  microphone_silent: ["Die Aufzeichnung enthält Stille; die Seite zeigt das womöglich nicht.", "Melden, wenn Sie es bemerken."],
  capture_kill: ["Das Bild fällt kurz aus; eine Aufzeichnung läuft weiter, mit einer Lücke.", NOTHING],
  daemon_killed: ["Alle Lichter gehen aus, und sie startet neu. Eine Aufzeichnung geht von selbst weiter, mit einer Lücke.", "Auf Rot oder Grün warten; nach einer Minute noch dunkel: andere Kamera nehmen."],
  disk_full: [(s) => `Gelb binnen ${s} s, in einer Aufzeichnung sofort: ein Druck wird abgelehnt. Eine Aufzeichnung endet, und was sie enthält, bleibt.`, "In der Dienststelle auslesen, andere Kamera nehmen."],
  disk_readonly: [(s) => `Gelb binnen ${s} s, in einer Aufzeichnung sofort: ein Druck wird abgelehnt. Eine Aufzeichnung endet, und was sie enthält, bleibt.`, ANOTHER],
  disk_error: [(s) => `Eine Aufzeichnung wartet ${s} s im Arbeitsspeicher und geht weiter; dauert es länger, endet sie, und Gelb geht an.`, ANOTHER],
  disk_slow: ["Rot bleibt an; was aufgezeichnet wird, wartet im Arbeitsspeicher.", LATER],
  disk_lies: ["Nichts ist zu sehen. Nach einem Stromausfall kann mehr als die letzte Sekunde fehlen.", NOTHING],
  display_gone: [(s) => `Das Display bleibt dunkel, Grün blinkt binnen ${s} s. Alles andere geht.`, LATER],
  display_error: [(s) => `Das Display bleibt dunkel, Grün blinkt binnen ${s} s. Alles andere geht.`, LATER],
  display_slow: ["Das Display zeigt zwei Bilder je Sekunde. Alles andere geht.", LATER],
  display_hang: [(s) => `Das Display bleibt stehen, Grün blinkt binnen ${s} s. Alles andere geht.`, LATER],
  display_crash: ["Das Display ist kurz dunkel und kommt wieder.", NOTHING],
  display_kill: ["Das Display ist kurz dunkel und kommt wieder.", NOTHING],
  battery_low: [(s) => `Grün blinkt, aber erst nach ${s} s: ein kurzer Einbruch zählt nicht.`, "Bald laden."],
  battery_critical: [(low, critical, off) => `Grün blinkt nach ${low} s. Nach ${critical} s gilt der Akku als leer, und nach ${off} s endet eine Aufzeichnung, und die Kamera geht aus.`, "Ins Dock stecken oder andere Kamera nehmen."],
  battery_unknown: [(s) => `Grün blinkt nach ${s} s: sie kann ohne Warnung ausgehen.`, "Bald laden und melden."],
  docked: [(s) => `Nach ${s} s blinkt Gelb, solange übergeben wird. Ist alles übergeben, blitzt Grün alle 3 s.`, "Stecken lassen, bis alles übergeben ist."],
  network_gone: ["Die Übergabe wartet und geht von selbst weiter; nichts geht verloren.", "Im Dock stecken lassen."],
  hot: [(s) => `Grün blinkt binnen ${s} s.`, "Aus der Sonne, weg vom Körper."],
  throttled: [(s) => `Binnen ${s} s spart sie Arbeit: das Display zeigt weniger Bilder. Eine Aufzeichnung läuft weiter.`, "Aus der Sonne, weg vom Körper."],
  button_stuck: ["Sie wird als gehalten gespürt: bei der großen Taste kann eine Aufzeichnung beginnen oder enden.", ANOTHER],
  button_bounce: ["Nichts: ein Druck bleibt ein Druck.", NOTHING],
  light_dead: [(s) => `Grün bleibt dunkel, und binnen ${s} s weiß es die Kamera. Sie zeichnet trotzdem auf.`, "Aufzeichnung selbst ansagen und melden."],
  clock_unset: [(s) => `Grün blinkt binnen ${s} s: die Uhrzeit ist ungewiss, und Aufzeichnungen sagen es.`, LATER],
  clock_step: [(s) => `Die Uhrzeit springt, und binnen ${s} s merkt es die Kamera; die Länge einer Aufzeichnung stimmt weiter.`, LATER],
  rtc_ahead: [(s) => `Grün blinkt binnen ${s} s: die Uhrzeit ist ungewiss, und Aufzeichnungen sagen es.`, LATER],
};
