// A clock for a page in the background, where a browser slows the page's own clocks down.

let timer = 0;

/** Told how many milliseconds lie from tick to tick; 0 ends it. */
onmessage = ({ data }) => {
  clearInterval(timer);
  if (data > 0) timer = setInterval(() => postMessage(null), data);
};
