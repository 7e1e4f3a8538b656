// What a sheet does that is there to be printed: it asks for the printer as soon as it is drawn.

addEventListener("load", () => print());
