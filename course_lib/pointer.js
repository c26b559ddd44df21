// Where a pointer is on an element, in the element's own pixels: the page around it may be zoomed.
function pointOn(element, { clientX, clientY }) {
  const { left, top, width } = element.getBoundingClientRect();
  const ratio = element.offsetWidth / width;
  return { x: (clientX - left) * ratio, y: (clientY - top) * ratio };
}

// What the main button or a finger holds, from when it goes down to when it comes up. What begins
// elsewhere, or with another button, holds nothing; nor does what `begin` refuses, with false.
function onHold(element, begin, move = begin, end = () => {}) {
  let held = null; // the pointer's number
  const on = (type, act) => element.addEventListener(type, (event) => {
    if (event.pointerId === held) act(event);
  });
  const drop = () => (held = null);
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary || begin(event) === false) return;
    held = event.pointerId;
    element.setPointerCapture(held);
  });
  on("pointermove", (event) => (event.buttons & 1 ? move(event) : drop()));
  on("pointerup", (event) => {
    drop();
    end(event);
  });
  on("pointercancel", drop);
  on("lostpointercapture", drop);
}

