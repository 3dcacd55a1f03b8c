// Animation frames.

/**
 * Do `work` once the next animation frame is drawn, so that what was written before it is seen first.  A hidden page
 * draws none: there soon.
 * @param {() => void} work
 */
export function afterFrame(work) {
  if (document.hidden) setTimeout(work);
  else requestAnimationFrame(() => setTimeout(work));
}
