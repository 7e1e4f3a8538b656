// Asks for the printer as soon as a sheet is drawn.

addEventListener("load", () => print());
