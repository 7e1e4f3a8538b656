// How videos that show one time are kept together while they play: pure.
//
// One leads, at its own speed, so that its sound stays as it is. The others follow: a little quicker or
// slower while they are a little apart, by a seek where they are far. What is tolerated is `APART_US`
// while they play; where they stand still, each shows the picture of the very moment.

/** How far a video may be from the common time while it plays, microseconds. */
export const APART_US = 80_000;
/** Less than that is not seen: a third of a picture. */
const TOGETHER_US = 12_000;
/** What is farther is sought. */
const FAR_US = 500_000;
/** The share of a second by which the speed changes, for each second that it is apart. */
const HURRY = 2.5;
/** The most by which the speed is changed. */
const MOST = 0.2;

/**
 * What a video that follows has to do.
 * @param {number} behind how far it is behind the common time, microseconds; negative: ahead
 * @returns {{rate: number, seeks: boolean}}
 */
export function pace(behind) {
  const apart = Math.abs(behind);
  if (apart > FAR_US) return { rate: 1, seeks: true };
  if (apart <= TOGETHER_US) return { rate: 1, seeks: false };
  return { rate: 1 + Math.max(-MOST, Math.min(MOST, (behind / 1_000_000) * HURRY)), seeks: false };
}
