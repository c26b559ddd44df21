// A widget's keys are its own, but for those that run cells, other ones with Ctrl or Cmd (save, say), and
// Escape, which leads back to the cell.
// A Jupyter application would take the others for its commands; it does nothing about a key on what has
// this attribute. (Jupyter Notebook looks before the widget hears of the key, JupyterLab after.)
const SHIELD = "data-lm-suppress-shortcuts";

const runsCell = ({ key, shiftKey, ctrlKey, metaKey }) => key === "Enter" && (shiftKey || ctrlKey || metaKey);

// Whether a key is Jupyter's: with Ctrl or Cmd, unless it edits the text that is typed.
function isJupyters({ key, ctrlKey, metaKey, altKey, target }) {
  const edits = /^[acvxzy]$/i.test(key) && target.matches(":read-write");
  return (ctrlKey || metaKey) && !altKey && !edits;
}

function keepKeys(element, act = () => {}) {
  const leaves = (event) => event.key === "Escape" || runsCell(event) || isJupyters(event);
  const shield = (event) => {
    if (element.contains(document.activeElement)) event.target.toggleAttribute(SHIELD, !leaves(event));
    else window.removeEventListener("keydown", shield, true); // it was taken away, and lost the keyboard unheard
  };
  element.addEventListener("focusin", () => window.addEventListener("keydown", shield, true));
  element.addEventListener("focusout", () => window.removeEventListener("keydown", shield, true));
  element.addEventListener("keydown", (event) => {
    if (runsCell(event)) event.preventDefault();
    if (event.key === "Escape") element.closest(".jp-Cell")?.focus();
    if (leaves(event)) return;
    event.stopPropagation();
    act(event);
  });
}

